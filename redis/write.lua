-- Replaces a live record at a version, or creates a record where none is live.
-- KEYS: the record. ARGV: now in ms, the version or 8 zero bytes, the new value,
-- its time to live in ms. Returns false on a conflict, otherwise the owner and
-- entry ID of the value that was there, or 1 if it had no owner.
-- value.go has the format; all its numbers are big-endian.
local head = redis.pcall('GETRANGE', KEYS[1], 0, 297) -- up to the entry ID
if type(head) ~= 'string' then return false end -- another type of value
local at, owner = '\0\0\0\0\0\0\0\0', 0
if head ~= '' then
  if #head < 38 or string.byte(head) ~= 1 then return false end -- damaged, or newer
  if struct.unpack('>i8', head, 26) > tonumber(ARGV[1]) then at = string.sub(head, 2, 9) end
  owner = string.byte(head, 34)
end
if at ~= ARGV[2] then return false end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
if owner == 0 then return 1 end
return string.sub(head, 35, 34 + owner + 8)
