-- continuation.lua: the tokens of paged lists: which version is being listed, and the key after which the next page starts.
-- They look as a real server's do (base64url of a small JSON object); clients must not care.

local core = require("moonpool.core")
local status = require("moonpool.sim.status")

local continuation = {}

local digits = {}
for index, range in ipairs({ "AZ", "az", "09", "--", "__" }) do
  local offset = ({ 0, 26, 52, 62, 63 })[index]
  for code = range:byte(1), range:byte(2) do digits[code] = offset + code - range:byte(1) end
end

local function fromBase64url(text)
  local bytes, bits, count = {}, 0, 0
  for index = 1, #text do
    local digit = digits[text:byte(index)]
    if not digit then return nil end
    bits, count = bits << 6 | digit, count + 6
    if count >= 8 then
      count = count - 8
      bytes[#bytes + 1] = string.char(bits >> count & 255)
      bits = bits & ((1 << count) - 1)
    end
  end
  return table.concat(bytes)
end

---@param rv integer -1: whatever is current when it is used
---@param after string the last key of the page, without the namespace that was asked for
---@return string
function continuation.encode(rv, after)
  local text = assert(core.json.encode({ v = "meta.k8s.io/v1", rv = rv, start = after .. "\0" }))
  return (core.base64(text):gsub("=", ""):gsub("%+", "-"):gsub("/", "_"))
end

---@param token string
---@return integer rv
---@return string after
function continuation.decode(token)
  local text = fromBase64url((token:gsub("=+$", "")))
  local value = text and core.json.decode(text)
  if type(value) ~= "table" or math.type(value.rv) ~= "integer" or type(value.start) ~= "string" or value.v ~= "meta.k8s.io/v1"
    or value.rv == 0 then
    error(status.badRequest("invalid continue token: continue key is not valid"), 0)
  end
  return value.rv, (value.start:gsub("%z$", ""))
end

return continuation
