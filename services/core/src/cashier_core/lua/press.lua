-- Schedules a call, announces it, and records it in the history. Returns {outcome, seq, starts_in_ms, place, payload,
-- call_id}, which the class Receipt in timeline.py explains. A press that is refused changes nothing.
-- KEYS[5]: the key under which the answer to this press is stored, unless the press is refused. If a worker process of
-- web dies before it answers a press, Nginx sends the same press to another worker process. When the press arrives for
-- the second time, the script returns the stored answer and makes no second call.
-- KEYS[6]: the stream that contains the history.
-- KEYS[7]: a sorted set of the keys of the answers to presses with an idempotency key, with their expiry as the score.
-- KEYS[8]: a hash with the number of these answers in each store.
-- KEYS[9]: a list of the keys of the answers to the other presses, the newest last.
-- KEYS[10] and so on: the hashes that contain the documents with which web has checked the press. args.documents contains
-- for each of them {field, version}. A value in such a hash begins with its version. If one of the documents has another
-- version now, the script changes nothing. web then checks the press again, with the new documents.
for index, document in ipairs(args.documents) do
  local value = redis.call('HGET', KEYS[9 + index], document[1]) or ''
  if value:sub(1, #document[2]) ~= document[2] then
    return {'stale document', 0, 0, 0}
  end
end

local answer_key, history, keyed_answers, keyed_counts, other_answers = KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local stored_answer = redis.call('GET', answer_key)
if stored_answer then
  local answer = cjson.decode(stored_answer)
  if args.payload ~= '' and answer[5] ~= args.payload then
    return {'key reused', 0, 0, 0}
  end
  return answer
end

-- Deletes up to `count` answers to keyed presses that have expired. They expire on the timeline's clock. On the clock
-- of Redis, they would expire too early if this clock was set forward. Each keyed press adds at most one answer and
-- deletes up to ten. Therefore the expired answers of stores in which nobody presses are deleted, too.
local function delete_expired_answers(count)
  local expired = redis.call('ZRANGEBYSCORE', keyed_answers, '-inf', string.format('%d', now), 'LIMIT', 0, count)
  for _, key in ipairs(expired) do
    redis.call('DEL', key)
    redis.call('ZREM', keyed_answers, key)
    local of_store = key:match('{(.*)}')
    if redis.call('HINCRBY', keyed_counts, of_store, -1) <= 0 then
      redis.call('HDEL', keyed_counts, of_store)
    end
  end
end

-- Returns true if Redis must not store the answer to another keyed press. A store may have at most
-- args.max_keys_of_store answers. If all stores together have args.max_keys answers, only a store with fewer than
-- args.reserved_keys answers may store another one. Without this reserve, the devices of some stores could use up the
-- room of all other stores.
local function has_too_many_keys()
  local count = tonumber(redis.call('HGET', keyed_counts, args.store) or 0)
  return count >= args.max_keys_of_store
    or (count >= args.reserved_keys and redis.call('ZCARD', keyed_answers) >= args.max_keys)
end

local function remember(answer)
  answer[5] = args.payload
  redis.call('SET', answer_key, cjson.encode(answer), 'PX', args.stored_ms)
  if args.is_keyed then
    if redis.call('ZADD', keyed_answers, string.format('%d', now + args.remembered_ms), answer_key) == 1 then
      redis.call('HINCRBY', keyed_counts, args.store, 1)
    end
    delete_expired_answers(10)
  elseif redis.call('RPUSH', other_answers, answer_key) > args.max_answers then
    redis.call('DEL', redis.call('LPOP', other_answers))
  end
  return answer
end

if redis.call('XLEN', history) >= args.max_history then
  return {'history full', 0, 0, 0}
end
if args.is_keyed and has_too_many_keys() then
  delete_expired_answers(100)
  if has_too_many_keys() then
    return {'too many keys', 0, 0, 0}
  end
end

local start, place, queued, same_till, changes = now, 1, 0, false, {}
local valid_calls, invalid_calls = unended()
if args.replaces then
  for _, call in ipairs(valid_calls) do
    local outcome = call.start <= now and 'replaced' or 'dropped'
    changes[#changes + 1] = {store = args.store, mark = call.mark, outcome = outcome, ['end'] = now}
  end
else
  for index, call in ipairs(valid_calls) do
    if call.start > now then
      queued = queued + 1
      if call.num_cashier == args.till then
        return remember({'waits already', call.seq, call.start - now, index, '', call.mark})
      end
    end
    start, place, same_till = math.max(start, call['end']), index + 1, call.num_cashier == args.till
  end
  if queued >= args.max_queued then
    return {'full', 0, 0, queued}
  end
end

-- If Redis has no memory left, it refuses the first command of a script that needs memory, but not a command after a
-- command that deletes something. Therefore this is the first command that changes anything.
local seq = redis.call('HINCRBY', store, 'seq', 1)
for _, call in ipairs(invalid_calls) do
  changes[#changes + 1] = {store = args.store, mark = call.mark, outcome = 'dropped', ['end'] = now}
end
if args.replaces then
  redis.call('DEL', calls)
else
  redis.call('ZREMRANGEBYSCORE', calls, '-inf', string.format('%d', now))
  redis.call('ZREMRANGEBYSCORE', calls, '(' .. string.format('%d', start), '+inf')
end

local call = {
  mark = args.change_id, seq = seq, num_cashier = args.till, label = args.label, language = args.language,
  start = start, ['end'] = start + args.hold_ms, hold_ms = args.hold_ms, replaces = args.replaces,
  by = args.by,
}
redis.call('ZADD', calls, call['end'], cjson.encode(call))
-- The key expires on the clock of Redis. 30 days are long enough even if this clock is set forward by some days.
redis.call('PEXPIRE', calls, 2592000000)
changes[#changes + 1] = {
  store = args.store, mark = call.mark, outcome = 'shown', seq = seq, till = args.till, label = args.label,
  language = args.language, by = args.by, again = args.again, pressed = now, start = start, ['end'] = call['end'],
}
record(history, changes)
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
return remember({outcome, seq, start - now, place, '', call.mark})
