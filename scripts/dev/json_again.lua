-- json_again.lua [yaml]: reads a JSON document from each line of standard input and writes it again as one line, for
-- scripts/dev/json_compare.py. With "yaml", by way of YAML. What cannot be read or written gives a line that is not JSON.

local moonpool = require("moonpool")
local json, yaml = moonpool.json, moonpool.yaml
local byYaml = arg[1] == "yaml"

for line in io.lines() do
  local value, message = json.decode(line)
  local text
  if value ~= nil and byYaml then
    text, message = yaml.encode(value)
    value = nil
    if text then value, message = yaml.decode(text) end
  end
  if value ~= nil then text, message = json.encode(value) end
  io.write(value ~= nil and text or "failed: " .. tostring(message), "\n")
end
