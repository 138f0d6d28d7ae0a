-- Returns the time on the timeline's clock, in milliseconds. All times in a timeline are times on this clock.
-- The timeline's clock is the clock of Redis plus an offset, which is stored in Redis. If the clock of Redis is set
-- forward or back, redis_clock.py changes the offset, so that the timeline's clock continues as if nothing had happened.
local function timeline_now(offset_key)
  return now_ms() + tonumber(redis.call('GET', offset_key) or 0)
end
