-- Reads or changes the entries of documents. The module redis_documents.py explains the entries. The actions are:
-- begin, end: open or end a change. An entry is [field, new version].
-- create: create an entry if there is none, and return it as `read` does. An entry is [field, new version].
-- read: return {version, 1 if a change is open or else 0, document} for each entry. An entry is [field].
-- store: store a document. An entry is [field, seen version, new version, document]. Returns the new version, or ''.
-- delete: delete an entry. An entry is [field, seen version]. Returns the seen version, or ''.
-- KEYS: for each document its hash. ARGV[1]: the action. ARGV[2]: a JSON document {version_length, open_seconds, change,
-- entries}.
-- A value in a hash is a version, a space, and a JSON document {open = {change = expiry in seconds, ...}, document}.
local action, args = ARGV[1], cjson.decode(ARGV[2])
local now = tonumber(redis.call('TIME')[1])

local function load(number, field)
  local value = redis.call('HGET', KEYS[number], field)
  if not value then
    return nil
  end
  local entry = cjson.decode(value:sub(args.version_length + 2))
  entry.version = value:sub(1, args.version_length)
  entry.is_open = false
  for change, expiry in pairs(entry.open) do
    -- If the clock of Redis was set back, an expiry is too far away.
    if expiry <= now or expiry > now + args.open_seconds then
      entry.open[change] = nil
    else
      entry.is_open = true
    end
  end
  return entry
end

local function save(number, field, version, open, document)
  redis.call('HSET', KEYS[number], field, version .. ' ' .. cjson.encode({open = open, document = document}))
end

local replies = {}
for number, each in ipairs(args.entries) do
  local field = each[1]
  local entry = load(number, field)
  if action == 'begin' or action == 'end' then
    local open = entry and entry.open or {}
    open[args.change] = action == 'begin' and now + args.open_seconds or nil
    save(number, field, each[2], open, '')
  elseif action == 'create' then
    if not entry then
      save(number, field, each[2], {}, '')
    end
  elseif action == 'store' then
    replies[number] = ''
    if entry and entry.version == each[2] and not entry.is_open then
      save(number, field, each[3], {}, each[4])
      replies[number] = each[3]
    end
  elseif action == 'delete' then
    replies[number] = ''
    if entry and entry.version == each[2] and not entry.is_open then
      redis.call('HDEL', KEYS[number], field)
      replies[number] = each[2]
    end
  end
  if action == 'read' or action == 'create' then
    entry = load(number, field)
    replies[number] = entry and {entry.version, entry.is_open and 1 or 0, entry.document} or {'', 0, ''}
  end
end
return replies
