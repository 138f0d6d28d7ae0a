-- Schedules a call, announces it, and records it in the history. Returns {outcome, seq, starts_in_ms, place}, which the
-- class Receipt in timeline.py explains. A press that is refused changes nothing.
-- KEYS[3]: the key under which the answer to this press is stored, unless the press is refused. If a worker process of
-- web dies before it answers a press, Nginx sends the same press to another worker process. When the press arrives for
-- the second time, the script returns the stored answer and makes no second call.
-- KEYS[4]: the stream that contains the history.
local answer_key = KEYS[3]
local stored_answer = redis.call('GET', answer_key)
if stored_answer then
  local answer = cjson.decode(stored_answer)
  if args.payload ~= '' and answer[5] ~= args.payload then
    return {'key reused', 0, 0, 0}
  end
  return answer
end
local function remember(answer)
  if args.payload ~= '' then
    answer[5] = args.payload
  end
  redis.call('SET', answer_key, cjson.encode(answer), 'PX', args.remembered_ms)
  return answer
end

-- The clock of Redis may have been set back, for example because Redis has moved to another host. The ends of the
-- stored calls are then far in the future, and new calls would wait for them. Therefore the stored calls are deleted.
-- Boards still play the calls that they know.
if now < tonumber(redis.call('HGET', store, 'changed') or 0) - 1000 then
  redis.call('DEL', calls)
end

local start, place, queued, same_till, changes = now, 1, 0, false, {}
if args.replaces then
  for _, call in ipairs(unended()) do
    local outcome = call.start <= now and 'replaced' or 'dropped'
    changes[#changes + 1] = {store = args.store, mark = call.mark, outcome = outcome, ['end'] = now}
  end
  redis.call('DEL', calls)
else
  for index, call in ipairs(unended()) do
    if call.start > now then
      queued = queued + 1
      if call.num_cashier == args.till then
        return remember({'waits already', call.seq, call.start - now, index})
      end
    end
    start, place, same_till = math.max(start, call['end']), index + 1, call.num_cashier == args.till
  end
  if queued >= args.max_queued then
    return {'full', 0, 0, queued}
  end
  redis.call('ZREMRANGEBYSCORE', calls, '-inf', now)
end

local seq = redis.call('HINCRBY', store, 'seq', 1)
local call = {
  mark = args.change_id, seq = seq, num_cashier = args.till, label = args.label, language = args.language,
  start = start, ['end'] = start + args.hold_ms, hold_ms = args.hold_ms, replaces = args.replaces,
}
redis.call('ZADD', calls, call['end'], cjson.encode(call))
redis.call('PEXPIRE', calls, call['end'] - now + 60000)
changes[#changes + 1] = {
  store = args.store, mark = call.mark, outcome = 'shown', seq = seq, till = args.till, label = args.label,
  language = args.language, by = args.by, again = args.again, pressed = now, start = start, ['end'] = call['end'],
}
record(KEYS[4], changes)
redis.call('HSETNX', store, 'language', args.idle_language) -- This only has an effect after Redis has lost its data.
announce({
  seq = seq, num_cashier = args.till, label = args.label, language = args.language,
  starts_in_ms = start - now, hold_ms = args.hold_ms, replaces = args.replaces,
})
local outcome = 'waits'
if start == now then
  outcome = 'called'
elseif same_till and place == 2 then
  outcome = 'stays up'
end
return remember({outcome, seq, start - now, place})
