-- Removes a live record at a version, or whatever is there.
-- KEYS: the record. ARGV: now in ms, the version or 8 zero bytes. Returns what
-- write.lua returns.
local head = redis.pcall('GETRANGE', KEYS[1], 0, 297)
local readable = type(head) == 'string' and #head >= 38 and string.byte(head) == 1
if ARGV[2] ~= '\0\0\0\0\0\0\0\0' then
  if not readable or string.sub(head, 2, 9) ~= ARGV[2] then return false end
  if struct.unpack('>i8', head, 26) <= tonumber(ARGV[1]) then return false end
end
redis.call('DEL', KEYS[1])
if not readable or string.byte(head, 34) == 0 then return 1 end
return string.sub(head, 35, 34 + string.byte(head, 34) + 8)
