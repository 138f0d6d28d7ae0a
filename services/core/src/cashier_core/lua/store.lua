-- What the scripts share. KEYS[1]: hash of the store {epoch, rev, mark, seq, language, notice, look, changed, cancelled};
-- KEYS[2]: its calls that have not ended, a sorted set of JSON scored by their end. One hash tag for both.
local store, calls = KEYS[1], KEYS[2]
local now = now_ms()

-- A call is up in [start, end): at its end it is over. Returned in the order of their seq.
local function unended()
  local found = {}
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', calls, '(' .. string.format('%d', now), '+inf')) do
    found[#found + 1] = cjson.decode(member)
  end
  return found
end

-- Leaves what became of calls to web, which keeps it for longer than Redis does: a list, for to add once costs less. A
-- web that is away for long finds the newest of them.
local function record(history, changes)
  redis.call('XADD', history, 'MAXLEN', '~', 100000, '*', 'changes', cjson.encode(changes))
end

-- Counts the change and tells every replica of it, in the form of channels_redis's PubSub layer (msgpack).
-- `mark` is a random word of the caller's. A store that Redis knows nothing of begins a new epoch with it, so that
-- boards don't take its seq for an old one; and it tells this change from another with the same rev, should Redis
-- have come back without its last second of writes.
local function announce(channel, mark, message)
  redis.call('HSETNX', store, 'epoch', mark)
  message.type, message.mark, message.after = 'cashier.message', mark, redis.call('HGET', store, 'mark') or ''
  redis.call('HSET', store, 'mark', mark, 'changed', string.format('%d', now))
  message.epoch = redis.call('HGET', store, 'epoch')
  message.rev = redis.call('HINCRBY', store, 'rev', 1)
  message.waiting_language = redis.call('HGET', store, 'language')
  message.notice = redis.call('HGET', store, 'notice') or ''
  message.look = redis.call('HGET', store, 'look') or ''
  redis.call('PUBLISH', channel, cmsgpack.pack(message))
end
