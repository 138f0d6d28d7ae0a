-- Changes what is said while nobody is called, and announces that; calls are left as they are. What Redis knows
-- already is announced to nobody.
local slug, channel, mark, language, notice, look = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local known = redis.call('HMGET', store, 'language', 'notice', 'look')
if known[1] == language and (known[2] or '') == notice and (known[3] or '') == look then
  return redis.status_reply('OK')
end
redis.call('HSET', store, 'language', language, 'notice', notice, 'look', look)
announce(channel, mark, {
  store = slug, seq = tonumber(redis.call('HGET', store, 'seq') or 0), num_cashier = 0,
  language = language, starts_in_ms = 0, hold_ms = 0,
})
return redis.status_reply('OK')
