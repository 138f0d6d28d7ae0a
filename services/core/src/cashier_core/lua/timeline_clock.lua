-- Returns {time, offset}: the time on the timeline's clock in milliseconds, and the offset that `timeline_now` adds.
-- KEYS[1]: the offset. ARGV, if given: a known offset, and a number of milliseconds to add to this offset.
-- If the offset is no longer the known offset, another process has already corrected the clock, and nothing changes.
local offset = tonumber(redis.call('GET', KEYS[1]) or 0)
if ARGV[1] and tonumber(ARGV[1]) == offset then
  offset = offset + tonumber(ARGV[2])
  redis.call('SET', KEYS[1], string.format('%d', offset))
end
return {timeline_now(KEYS[1]), offset}
