-- Changes the language of "please wait" and announces it; calls are left as they are.
local slug, channel, mark, language = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
redis.call('HSET', store, 'language', language)
announce(channel, mark, {
  store = slug, seq = tonumber(redis.call('HGET', store, 'seq') or 0), num_cashier = 0,
  language = language, starts_in_ms = 0, hold_ms = 0,
})
return redis.status_reply('OK')
