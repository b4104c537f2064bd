-- find.lua: objects anywhere, by name, image or label
--
--   moonpool run find 'checkout*' --clusters 'prod-*'
--   moonpool run find --image '*/checkout:v1.*' --clusters '*'
--   moonpool run find --kind roles.rbac.authorization.k8s.io --kind pvc -l team=shop
local script = require "moonpool.script"

local run = script.new("find", "Finds objects in all namespaces of all selected clusters, by name, image or label.", { namespaced = true })
run.parser:argument("name", "Part of the name, or a glob ('web-*') for all of it. Default: any."):args "?"
run.parser:option("-k --kind", "Kinds to look for, by any of their names (pod, svc, widgets.example.com); may be given several times. "
  .. "Default: the usual workloads, services, ingresses, config maps and secrets; with --image, workloads."):argname("KIND"):count "*"
run.parser:option("--image", "Only what runs this image: part of it, or a glob for all of it."):argname "IMAGE"
local options = run:parse()
if not (options.name or options.image or options.selector or #options.kind > 0) then
  run:usage "say what to find: a name, --image, --selector or --kind"
end

local workloads = { "pod", "deployment", "statefulset", "daemonset", "job", "cronjob" }
local others = { "service", "ingress", "configmap", "secret", "persistentvolumeclaim" }
local kinds = options.kind
if #kinds == 0 then
  kinds = table.move(workloads, 1, #workloads, 1, {})
  if not options.image then table.move(others, 1, #others, #kinds + 1, kinds) end
end

local function matches(text, wanted)
  if not wanted then return true end
  return wanted:find "[*?]" and script.like(text, wanted) or not wanted:find "[*?]" and text:find(wanted, 1, true) ~= nil
end

--- The images of an object, wherever its kind keeps the pod: init containers too.
local function imagesOf(object)
  local spec, images = object.spec or {}, {}
  local cron = spec.jobTemplate and spec.jobTemplate.spec
  local pod = (cron or spec).template and (cron or spec).template.spec or spec
  for _, list in ipairs { pod.initContainers or {}, pod.containers or {} } do
    for _, container in ipairs(list) do images[#images + 1] = container.image end
  end
  return images
end

local function runs(images, wanted)
  for _, image in ipairs(images) do
    if matches(image, wanted) then return true end
  end
  return not wanted
end

run:collect(function(client, add)
  for _, kind in ipairs(kinds) do
    for object in client.resources[kind].each(run:scope()) do
      local images = imagesOf(object)
      if matches(object.metadata.name, options.name) and runs(images, options.image) then
        local made = script.seconds(object.metadata.creationTimestamp)
        add { namespace = object.metadata.namespace, kind = object.kind, name = object.metadata.name,
          age = script.age(made and os.time() - made), image = table.concat(images, " ") }
      end
    end
  end
end)

run:show({ "cluster", "namespace", "kind", "name", "age", "image" }, "nothing found")
