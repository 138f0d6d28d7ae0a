-- What the scripts share. KEYS[1]: hash of the store {epoch, rev, seq, language};
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

-- Counts the change and tells every replica of it, in the form of channels_redis's PubSub layer (msgpack).
-- A store that Redis knows nothing of begins a new epoch, so that boards don't take its seq for an old one.
local function announce(channel, epoch, message)
  redis.call('HSETNX', store, 'epoch', epoch)
  message.type = 'cashier.message'
  message.epoch = redis.call('HGET', store, 'epoch')
  message.rev = redis.call('HINCRBY', store, 'rev', 1)
  redis.call('PUBLISH', channel, cmsgpack.pack(message))
end
