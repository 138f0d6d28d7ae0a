-- Code that all scripts need. The function `source` in `__init__.py` puts this file in front of each script.
-- KEYS[1]: a hash with the state of the store {epoch, rev, mark, seq, language, notice, look, changed, cancelled}.
-- `mark` is the change_id of the newest change, `changed` is the time of this change, and `look` is the appearance_id.
-- `cancelled` is a JSON list of the calls that were cancelled recently.
-- KEYS[2]: a sorted set of the calls that have not ended. Each call is a JSON document, and its score is the end of the
-- call. In this document, `mark` is the call_id, and `num_cashier` is the till.
-- Both keys contain the same hash tag, so that a Redis cluster keeps them on the same node.
-- ARGV[1]: the named arguments of the script as a JSON document. snapshot.lua has no arguments.
local store, calls = KEYS[1], KEYS[2]
local args = ARGV[1] and cjson.decode(ARGV[1])
local now = now_ms()

-- Returns the calls that have not ended, in the order of their ends. If the end of a call is equal to the current time,
-- the call has ended.
local function unended()
  local found = {}
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', calls, '(' .. string.format('%d', now), '+inf')) do
    found[#found + 1] = cjson.decode(member)
  end
  return found
end

-- Adds changes of calls to the history, a stream from which web moves the changes to the database. A script writes all
-- its changes as one entry, because a second XADD would take more time. The stream has a maximum length. If web does
-- not fetch the entries for a long time, Redis deletes the oldest entries.
local function record(history, changes)
  redis.call('XADD', history, 'MAXLEN', '~', args.max_history, '*', 'changes', cjson.encode(changes))
end

-- Increases the rev of the timeline and publishes the change to every ws replica. The message is in the format of the
-- PubSub layer of channels_redis (MessagePack).
-- args.change_id: a random text for this change. If Redis restarts without its last writes, it can give the same rev to
-- two different changes. Boards distinguish such changes by their change_ids.
-- If Redis knows nothing about the store, args.change_id also becomes the new epoch. The new epoch tells boards that
-- the seq of the calls starts again at 1.
local function announce(message)
  redis.call('HSETNX', store, 'epoch', args.change_id)
  local known = redis.call('HMGET', store, 'epoch', 'mark', 'language', 'notice', 'look')
  redis.call('HSET', store, 'mark', args.change_id, 'changed', string.format('%d', now))
  message.type, message.store = 'cashier.message', args.store
  message.epoch, message.rev = known[1], redis.call('HINCRBY', store, 'rev', 1)
  message.mark, message.after = args.change_id, known[2] or ''
  message.waiting_language, message.notice, message.look = known[3], known[4] or '', known[5] or ''
  redis.call('PUBLISH', args.channel, cmsgpack.pack(message))
end
