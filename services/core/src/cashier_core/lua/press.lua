-- Schedules a call, announces it and records it in KEYS[4]. Answers {outcome, seq, starts_in_ms, place}; a refused press
-- changes nothing.
-- KEYS[3]: what was answered to this very press, unless it was refused. One that comes again, because Nginx asked another worker when the
-- first one died over it, is answered as before and does nothing.
local slug, channel, mark, answered = ARGV[1], ARGV[2], ARGV[3], KEYS[3]
local num_cashier, language, waiting_language = tonumber(ARGV[4]), ARGV[5], ARGV[6]
local hold_ms, replaces, most_waiting = tonumber(ARGV[7]), ARGV[8] == 'replace', tonumber(ARGV[9])
local label, remembered_ms, sent = ARGV[10], ARGV[11], ARGV[12]
local by, again = ARGV[13], ARGV[14] == '1'
local before = redis.call('GET', answered)
if before then
  local answer = cjson.decode(before)
  if sent ~= '' and answer[5] ~= sent then
    return {'another press', 0, 0, 0}
  end
  return answer
end
local function remember(answer)
  if sent ~= '' then
    answer[5] = sent
  end
  redis.call('SET', answered, cjson.encode(answer), 'PX', remembered_ms)
  return answer
end

-- The clock was put back, or it is another host's: calls that end by the old one would block the queue until then.
-- Boards play what they have been told of all the same.
if now < tonumber(redis.call('HGET', store, 'changed') or 0) - 1000 then
  redis.call('DEL', calls)
end

local start, place, waiting, same, changes = now, 1, 0, false, {}
if replaces then
  for _, call in ipairs(unended()) do
    local outcome = call.start <= now and 'replaced' or 'dropped'
    changes[#changes + 1] = {store = slug, mark = call.mark, outcome = outcome, ['end'] = now}
  end
  redis.call('DEL', calls)
else
  for index, call in ipairs(unended()) do
    if call.start > now then
      waiting = waiting + 1
      if call.num_cashier == num_cashier then
        return remember({'waits already', call.seq, call.start - now, index})
      end
    end
    start, place, same = math.max(start, call['end']), index + 1, call.num_cashier == num_cashier
  end
  if waiting >= most_waiting then
    return {'full', 0, 0, waiting}
  end
  redis.call('ZREMRANGEBYSCORE', calls, '-inf', now)
end

local seq = redis.call('HINCRBY', store, 'seq', 1)
local call = {
  mark = mark, seq = seq, num_cashier = num_cashier, label = label, language = language,
  start = start, ['end'] = start + hold_ms, hold_ms = hold_ms, replaces = replaces,
}
redis.call('ZADD', calls, call['end'], cjson.encode(call))
redis.call('PEXPIRE', calls, call['end'] - now + 60000)
changes[#changes + 1] = {
  store = slug, mark = mark, outcome = 'shown', seq = seq, till = num_cashier, label = label, language = language,
  by = by, again = again, pressed = now, start = start, ['end'] = start + hold_ms,
}
record(KEYS[4], changes)
redis.call('HSETNX', store, 'language', waiting_language) -- after Redis was emptied
announce(channel, mark, {
  store = slug, seq = seq, num_cashier = num_cashier, label = label, language = language,
  starts_in_ms = start - now, hold_ms = hold_ms, replaces = replaces,
})
local outcome = 'waits'
if start == now then
  outcome = 'called'
elseif same and place == 2 then
  outcome = 'stays up'
end
return remember({outcome, seq, start - now, place})
