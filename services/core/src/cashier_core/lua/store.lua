-- What all scripts share; this file is put in front of each of them.
-- KEYS[1]: a hash that describes the store {epoch, rev, mark, seq, language, notice, look, changed, cancelled}. `mark`
-- is the change_id of the newest change, and `look` is the appearance_id. KEYS[2]: the calls that have not ended, a
-- sorted set of JSON documents with their end as score. In these documents `mark` is the call_id and `num_cashier` the
-- till. Both keys contain the same hash tag, so that they are on one node of a cluster. ARGV[1]: the named arguments of
-- the script as JSON. snapshot.lua has none.
local store, calls = KEYS[1], KEYS[2]
local args = ARGV[1] and cjson.decode(ARGV[1])
local now = now_ms()

-- Returns the calls that have not ended, in the order of their seq. A call is shown from its start until just before
-- its end.
local function unended()
  local found = {}
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', calls, '(' .. string.format('%d', now), '+inf')) do
    found[#found + 1] = cjson.decode(member)
  end
  return found
end

-- Adds changes of calls to the history, a stream from which web moves them to the database. All changes of a script are
-- one entry, because a second XADD would cost more. If web does not fetch entries for a long time, the oldest ones are
-- dropped.
local function record(history, changes)
  redis.call('XADD', history, 'MAXLEN', '~', args.max_history, '*', 'changes', cjson.encode(changes))
end

-- Counts a change of the timeline and publishes it to every ws replica, in the format of channels_redis's PubSub layer
-- (MessagePack).
-- args.change_id is a random string. If Redis knows nothing of the store, it also becomes the epoch: boards then see
-- that the seq starts again. Otherwise it distinguishes this change from another one with the same rev, which may exist
-- if Redis was restored without its last second of writes.
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
