-- What spec/kubeconfig_table_spec.lua expects of moonpool is what kubectl does: each case through `kubectl config view --minify`.
local cases = require "spec.support.kubeconfig_cases"
local core = require "moonpool.core"
local program = require "spec.support.program"
local tree = require "spec.support.tree"

local function text(value) return type(value) == "string" and value ~= "" and value or "-" end

-- The first item of a list that may be null, or missing.
local function first(list, what) return type(list) == "table" and list[1] and list[1][what] or {} end

describe("kubectl's view of", function()
  for _, case in ipairs(cases) do
    local check = case.ours and pending or it
    check(case[1], function()
      local folder <close> = tree.make(case.files or { config = case.text })
      local result = program.shell(("cd '%s' && KUBECONFIG='%s' kubectl config view --minify -o json"):format(
        folder.path, case.list or "config"))
      if case.refused then return assert.is_true(result.code ~= 0, result.out) end
      assert.equal(0, result.code, result.err)
      local view = assert(core.json.decode(result.out))
      local context = first(view.contexts, "context")
      assert.equal(case.view, table.concat({ text(view["current-context"]), text(first(view.clusters, "cluster").server),
        text(context.user), text(context.namespace) }, " "))
    end)
  end
end)
