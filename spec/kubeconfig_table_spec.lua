-- Every case of spec/support/kubeconfig_cases.lua, read as a script would that takes the kubeconfig of its surroundings.
-- spec/real/kubeconfig_table_spec.lua holds the same expectations against kubectl.
local cases = require "spec.support.kubeconfig_cases"
local program = require "spec.support.program"
local tree = require "spec.support.tree"

-- Prints what kubectl's view of the current context shows, or the error.
local SCRIPT = [[
local moonpool = require "moonpool"
local config = moonpool.KubeConfig()
local function named(list, name)
  for _, one in ipairs(list) do
    if one.name == name then return one end
  end
end
local ok, err = config:loadFromDefault()
local context = ok and config:getCurrentContext()
-- What refers to nothing is found out when it is used.
local client, why = moonpool.KubernetesClient { kubeConfig = config }
if client then client:dispose() end
local current = context and named(config:getContexts(), context)
local refers = current and (not current.cluster or named(config:getClusters(), current.cluster))
  and (not current.user or named(config:getUsers(), current.user))
if not refers then return print("refused: " .. tostring(err or why)) end
local cluster = current.cluster and named(config:getClusters(), current.cluster)
print(table.concat({ context, cluster and cluster.server or "-", current.user or "-", current.namespace or "-" }, " "))
]]

describe("the kubeconfig of the environment:", function()
  for _, case in ipairs(cases) do
    it(case[1], function()
      local folder <close> = tree.make(case.files or { config = case.text })
      local result = program.shell(("program=$(readlink -f '%s') && cd '%s' && KUBECONFIG='%s' \"$program\" -e '%s'"):format(
        program.path, folder.path, case.list or "config", SCRIPT:gsub("'", "'\\''")))
      local said = (result.out .. result.err):gsub("\n$", "")
      if case.view then return assert.equal(case.view, said) end
      assert.matches("^refused: ", said)
      assert.matches(case.refused, said, 1, true)
    end)
  end
end)
