-- Code that all scripts need. The function `source` in `__init__.py` puts this file in front of each script.
-- KEYS[1]: a hash with the state of the store {epoch, born, rev, mark, seq, language, notice, look, changed,
-- cancelled}.
-- `mark` is the change_id of the newest change, `changed` is the time of this change, and `look` is the appearance_id.
-- `cancelled` is a JSON list of the calls that were cancelled recently.
-- KEYS[2]: a sorted set of the calls that have not ended. Each call is a JSON document, and its score is the end of the
-- call. In this document, `mark` is the call_id, and `num_cashier` is the till.
-- Both keys contain the same hash tag, so that a Redis cluster keeps them on the same node.
-- KEYS[3]: the offset of the timeline's clock.
-- KEYS[4]: the stream with the newest changes of all timelines. Only scripts that call `announce` need this key.
-- ARGV[1]: the named arguments of the script as a JSON document.
local store, calls = KEYS[1], KEYS[2]
local args = cjson.decode(ARGV[1])
local now = timeline_now(KEYS[3])

-- args.earliest, args.latest: the script changes nothing if the time is not between these two times. Then either the
-- clock of Redis was set, or the script was sent so long ago that nobody waits for its answer any more.
if args.earliest and (now < args.earliest or now > args.latest) then
  return redis.status_reply('clock')
end

-- Returns two lists, in the order of the ends of the calls: the calls that have not ended, and the calls that are
-- invalid. If the end of a call is equal to the current time, the call has ended.
-- A valid timeline has no gaps: the first call has begun, and each other call begins when the call before it ends. If
-- there is a gap before a call, the clock was set back after the call was scheduled, and no process has noticed this.
-- The call is then invalid, because the screens would show nothing during the gap. The first call may begin up to 2.5 s
-- after the current time, because a process may be late to notice that the clock was set by a second or two.
local function unended()
  local found, invalid, latest = {}, {}, now + 2500
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', calls, '(' .. string.format('%d', now), '+inf')) do
    local call = cjson.decode(member)
    if call.start > latest then
      invalid[#invalid + 1] = call
    else
      found[#found + 1] = call
      latest = math.max(latest, call['end'])
    end
  end
  return found, invalid
end

-- Adds changes of calls to the history, a stream from which tasks moves the changes to the database. A script writes all
-- its changes as one entry, because a second XADD would take more time.
-- The history contains times on the clock of Redis, because people read this clock. After the clock of Redis was set,
-- it differs from the timeline's clock.
local function record(history, changes)
  local offset = now - now_ms()
  for _, change in ipairs(changes) do
    for _, name in ipairs({'pressed', 'start', 'end'}) do
      change[name] = change[name] and change[name] - offset
    end
  end
  redis.call('XADD', history, '*', 'changes', cjson.encode(changes))
end

-- Increases the rev of the timeline and publishes the change to every ws replica. The message is in the format of the
-- PubSub layer of channels_redis (MessagePack). A replica that misses the message finds the change in the stream of
-- changes. The stream keeps the newest 10,000 changes, and a few more, because deleting exactly the older ones is slow.
-- args.change_id: a random text for this change. If Redis restarts without its last writes, it can give the same rev to
-- two different changes. Boards distinguish such changes by their change_ids.
-- If Redis knows nothing about the store, args.change_id also becomes the new epoch. The new epoch tells boards that
-- the seq of the calls starts again at 1. `born` is the time at which the epoch began.
local function announce(message)
  if redis.call('HSETNX', store, 'epoch', args.change_id) == 1 then
    redis.call('HSET', store, 'born', string.format('%d', now))
  end
  local known = redis.call('HMGET', store, 'epoch', 'mark', 'language', 'notice', 'look')
  redis.call('HSET', store, 'mark', args.change_id, 'changed', string.format('%d', now))
  message.type, message.store, message.now = 'cashier.message', args.store, now
  message.epoch, message.rev = known[1], redis.call('HINCRBY', store, 'rev', 1)
  message.mark, message.after = args.change_id, known[2] or ''
  message.waiting_language, message.notice, message.look = known[3], known[4] or '', known[5] or ''
  redis.call(
    'XADD', KEYS[4], 'MAXLEN', '~', '10000', '*',
    'store', args.store, 'epoch', message.epoch, 'rev', message.rev, 'mark', args.change_id
  )
  redis.call('PUBLISH', args.channel, cmsgpack.pack(message))
end
