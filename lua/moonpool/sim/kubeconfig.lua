-- kubeconfig.lua: writes the kubeconfig of simulated clusters, with everything embedded.

local core = require("moonpool.core")

local kubeconfig = {}

local ADMINISTRATOR = { "", "-admin" } -- what follows the cluster's name in a context's, and in its user's
local OTHERS = { { "-token", "-token" }, { "-nobody", "-nobody" } }

---@param clusters moonpool.sim.Cluster[]
---@param others boolean? also a context for each of the other users
---@return string
function kubeconfig.text(clusters, others)
  local lines = { "apiVersion: v1", "kind: Config", "clusters:" }
  local function add(format, ...) lines[#lines + 1] = format:format(...) end
  if #clusters == 0 then lines[3] = "clusters: []" end
  for _, one in ipairs(clusters) do
    add("- name: %s\n  cluster:\n    server: %s\n    certificate-authority-data: %s", one.name, one.urls[1],
      core.base64(one.credentials.authority))
  end
  add("users:%s", #clusters == 0 and " []" or "")
  for _, one in ipairs(clusters) do
    add("- name: %s-admin\n  user:\n    client-certificate-data: %s\n    client-key-data: %s", one.name,
      core.base64(one.credentials.admin[1]), core.base64(one.credentials.admin[2]))
    if others then
      add("- name: %s-token\n  user:\n    token: %s", one.name, one.credentials.adminToken)
      add("- name: %s-nobody\n  user:\n    token: %s", one.name, one.credentials.plainToken)
    end
  end
  add("contexts:%s", #clusters == 0 and " []" or "")
  for _, one in ipairs(clusters) do
    for _, pair in ipairs({ ADMINISTRATOR, table.unpack(others and OTHERS or {}) }) do
      add("- name: %s%s\n  context:\n    cluster: %s\n    user: %s%s\n    namespace: default", one.name, pair[1], one.name, one.name,
        pair[2])
    end
  end
  add('current-context: "%s"\n', clusters[1] and clusters[1].name or "")
  return table.concat(lines, "\n")
end

--- Writes a file that only its owner can read, all at once: whoever waits for it finds it complete.
---@param path string
---@param text string
---@return true? ok
---@return string? problem
function kubeconfig.write(path, text) return core.writePrivateFile(path, text) end

return kubeconfig
