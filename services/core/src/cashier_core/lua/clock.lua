-- Returns the time on the clock of Redis, in milliseconds. All times in a timeline are times on this clock.
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
