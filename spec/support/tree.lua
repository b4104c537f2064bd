-- tree.lua: a folder with files for a spec.
--
--   local folder <close> = tree.make { config = "text", ["d/e"] = "text" }
--   folder.path
local tree = {}

local Folder = {}
Folder.__index = Folder
Folder.__close = function(self) os.execute(("rm -rf '%s'"):format(self.path)) end

---@param files table<string, string>
---@return { path: string }
function tree.make(files)
  local pipe <close> = assert(io.popen "mktemp -d")
  local self = setmetatable({ path = pipe:read "l" }, Folder)
  for name, text in pairs(files) do
    local folder = name:match "^(.*)/"
    if folder then assert(os.execute(("mkdir -p '%s/%s'"):format(self.path, folder))) end
    local file <close> = assert(io.open(self.path .. "/" .. name, "wb"))
    file:write(text)
  end
  return self
end

return tree
