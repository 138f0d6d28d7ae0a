-- Returns the time on the clock of Redis, in milliseconds. The clock can be set forward or back while Redis runs.
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
