-- Cancels a queued call: removes it, lets the calls behind it begin earlier, announces the change, and records it in
-- the history. Returns 'cancelled', or the reason why the call cannot be cancelled.
-- KEYS[5]: the stream that contains the history.
-- args.call_id: the call_id of the call.
-- args.seq, args.by: the seq of the call, and the device that has pressed. They identify the call if args.call_id is
-- missing.
-- args.seq_valid_after_ms: a seq is only accepted if the epoch has lasted for this time, because Redis gives the same
-- seq to another call after Redis has lost its data. The time is longer than a call can be queued, and longer than a
-- device repeats a request.
-- args.till: the till to which the call must belong; 0 for any till.
-- Cancelling a call twice is not an error, because a device repeats its request if the first answer is lost.
local cancelled = cjson.decode(redis.call('HGET', store, 'cancelled') or '[]')
local accepts_seq = now - tonumber(redis.call('HGET', store, 'born') or 0) >= args.seq_valid_after_ms
local function is_meant(call)
  if args.call_id then
    return call.mark == args.call_id
  end
  -- `by` is missing if version 0.1.0 has scheduled or cancelled the call.
  return call.seq == args.seq and (call.by == nil or call.by == args.by)
end

local known, behind = nil, {}
for _, call in ipairs(cancelled) do
  if is_meant(call) then
    known = call
  end
end
for _, call in ipairs((unended())) do
  if is_meant(call) then
    known = call
  elseif known and known.start then
    behind[#behind + 1] = call
  end
end

if not known then
  return redis.status_reply('unknown')
elseif not args.call_id and not accepts_seq then
  return redis.status_reply('ambiguous')
elseif args.till ~= 0 and known.num_cashier ~= args.till then
  return redis.status_reply('another till')
elseif not known.start then -- Only the entries in the list of cancelled calls have no start.
  return redis.status_reply('cancelled')
elseif known.start <= now then
  return redis.status_reply('up')
end

local changes = {{store = args.store, mark = known.mark, outcome = 'cancelled', ['end'] = now}}
redis.call('ZREMRANGEBYSCORE', calls, string.format('%d', known['end']), '+inf')
for _, call in ipairs(behind) do
  call.start, call['end'] = call.start - known.hold_ms, call['end'] - known.hold_ms
  redis.call('ZADD', calls, call['end'], cjson.encode(call))
  changes[#changes + 1] = {store = args.store, mark = call.mark, start = call.start, ['end'] = call['end']}
end
record(KEYS[5], changes)
-- Snapshots contain the list of cancelled calls, so that boards that have missed the announcement remove these calls,
-- too. The list keeps only the newest `max_queued` cancelled calls.
cancelled[#cancelled + 1] = {seq = known.seq, mark = known.mark, num_cashier = known.num_cashier, by = known.by}
if #cancelled > args.max_queued then
  table.remove(cancelled, 1)
end
redis.call('HSET', store, 'cancelled', cjson.encode(cancelled))
announce({
  seq = tonumber(redis.call('HGET', store, 'seq')), num_cashier = 0, cancels = known.mark,
  language = redis.call('HGET', store, 'language'), starts_in_ms = 0, hold_ms = 0,
})
return redis.status_reply('cancelled')
