-- Takes back a call that waits, lets those behind it move up, announces that and records it in KEYS[3]. Answers
-- 'cancelled', or why not.
-- ARGV[5]: the till that it has to be of; 0 for any. Done already is done: whoever asks again has had no answer.
local slug, channel, mark, seq, till = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local cancelled = cjson.decode(redis.call('HGET', store, 'cancelled') or '[]')
local known, behind = nil, {}
for _, call in ipairs(cancelled) do
  if call.seq == seq then
    known = call
  end
end
for _, call in ipairs(unended()) do
  if call.seq == seq then
    known = call
  elseif call.seq > seq then
    behind[#behind + 1] = call
  end
end

if not known then
  return redis.status_reply('unknown')
elseif till ~= 0 and known.num_cashier ~= till then
  return redis.status_reply('another till')
elseif not known.start then
  return redis.status_reply('cancelled')
elseif known.start <= now then
  return redis.status_reply('up')
end

local changes = {{store = slug, mark = known.mark, outcome = 'cancelled', ['end'] = now}}
redis.call('ZREMRANGEBYSCORE', calls, string.format('%d', known['end']), '+inf')
for _, call in ipairs(behind) do
  call.start, call['end'] = call.start - known.hold_ms, call['end'] - known.hold_ms
  redis.call('ZADD', calls, call['end'], cjson.encode(call))
  changes[#changes + 1] = {store = slug, mark = call.mark, start = call.start, ['end'] = call['end']}
end
record(KEYS[3], changes)
-- As many as can wait at once, for boards that don't hear of it.
cancelled[#cancelled + 1] = {seq = seq, mark = known.mark, num_cashier = known.num_cashier}
if #cancelled > 20 then
  table.remove(cancelled, 1)
end
redis.call('HSET', store, 'cancelled', cjson.encode(cancelled))
announce(channel, mark, {
  store = slug, seq = tonumber(redis.call('HGET', store, 'seq')), num_cashier = 0, cancels = known.mark,
  language = redis.call('HGET', store, 'language'), starts_in_ms = 0, hold_ms = 0,
})
return redis.status_reply('cancelled')
