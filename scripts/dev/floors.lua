-- floors.lua FILE...: checks the floor plan of core/: a file may include headers of its own folder and of the folders
-- before it, never of one that comes later. The public header moonpool.h stands below all of them.

local floors = { "base", "kube", "net", "pool", "cluster", "http", "binding", "cli" }
local height = {}
for index, folder in ipairs(floors) do height[folder] = index end

local wrong = 0
for _, path in ipairs(arg) do
  local own = height[path:match("^core/(%w+)/")]
  if own then
    local number = 0
    for line in io.lines(path) do
      number = number + 1
      local folder = line:match('^%s*#%s*include%s+"(%w+)/')
      if folder and (height[folder] or 0) > own then
        io.stderr:write(("%s:%d: %s includes %s, which stands above it (%s)\n"):format(
          path, number, floors[own], folder, table.concat(floors, " < ")))
        wrong = wrong + 1
      end
    end
  end
end
os.exit(wrong == 0)
