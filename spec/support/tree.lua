-- tree.lua: a folder with files for a spec.
--
--   local folder <close> = tree.make { config = "text", ["d/e"] = "text", f = { link = "d/e" } }
--   folder.path
local tree = {}

local Folder = {}
Folder.__index = Folder
Folder.__close = function(self) os.execute(("rm -rf '%s'"):format(self.path)) end

---@param files table<string, string|{ link: string }>
---@return { path: string }
function tree.make(files)
  local pipe <close> = assert(io.popen "mktemp -d")
  local self = setmetatable({ path = pipe:read "l" }, Folder)
  for name, text in pairs(files) do
    local folder = name:match "^(.*)/"
    if folder then assert(os.execute(("mkdir -p '%s/%s'"):format(self.path, folder))) end
    if type(text) == "table" then
      assert(os.execute(("ln -s '%s' '%s/%s'"):format(text.link, self.path, name)))
    else
      local file <close> = assert(io.open(self.path .. "/" .. name, "wb"))
      file:write(text)
    end
  end
  return self
end

return tree
