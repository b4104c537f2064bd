-- kubeconfig_cases.lua: kubeconfigs as people write them, well and badly, and what kubectl makes of each: `kubectl config view --minify`.
--
-- A case is { name, text or files, view or refused }. `text` is the file "config"; `files` are several, and `list` is $KUBECONFIG (it is
-- "config" where nothing is said), both relative to the folder that the program runs in. `view` is "context server user namespace", a
-- dash for what is not there. `refused` is a part of moonpool's error, mostly its place; kubectl refuses these too. Where `ours` is
-- set, kubectl accepts what moonpool refuses, or the other way round, and it says why.
local TAIL = [[
clusters:
- {name: k, cluster: {server: "https://h:6443"}}
users:
- {name: u, user: {token: t}}
contexts:
- {name: c, context: {cluster: k, user: u, namespace: shop}}
current-context: c
]]
local NO_TEXT = "config:6: contexts[0].context.namespace: expected a string"
local VIEW = "c https://h:6443 u shop"

--- A file with one context of the name, with a server, and the name as its current context.
local function small(name, current)
  return ([[
clusters: [{name: %s, cluster: {server: "https://%s"}}]
users: [{name: %s, user: {token: t}}]
contexts: [{name: %s, context: {cluster: %s, user: %s, namespace: %s}}]
current-context: %s
]]):format(name, name, name, name, name, name, name, current or name)
end

--- TAIL with a replacement, which must have something to replace.
local function with(what, by)
  local start, stop = TAIL:find(what, 1, true)
  assert(start, what)
  return TAIL:sub(1, start - 1) .. by .. TAIL:sub(stop + 1)
end

--- TAIL with another name for its context, as it is written where it is defined and where it is made the current one.
local function called(definition, current)
  return (with("name: c,", "name: " .. definition .. ","):gsub("current%-context: c", "current-context: " .. current))
end

local function json(server)
  return '{"kind": "Config", "apiVersion": "v1", "clusters": [{"name": "k", "cluster": {"server": "' .. server .. '"}}],\n'
    .. '\t"users": [{"name": "u", "user": {"token": "t"}}],\n\t"contexts": [{"name": "c", "context": {"cluster": "k", '
    .. '"user": "u", "namespace": "shop"}}], "current-context": "c"}'
end

local many = { "clusters:\n" }
for i = 1, 9000 do
  many[#many + 1] = ("- {name: k%d, cluster: {server: \"https://h%d.example.com:6443\", tls-server-name: h%d}}\n"):format(i, i, i)
end
many[#many + 1] = "contexts: [{name: c, context: {cluster: k8999}}]\ncurrent-context: c\n"

local cases = {
  -- the usual
  { "the usual file", text = TAIL, view = VIEW },
  { "with apiVersion, kind and preferences", text = "apiVersion: v1\nkind: Config\npreferences: {}\n" .. TAIL, view = VIEW },
  { "preferences with colors", text = "preferences: {colors: true}\n" .. TAIL, view = VIEW },
  { "no namespace", text = with(", namespace: shop", ""), view = "c https://h:6443 u -" },
  { "an empty namespace", text = with("namespace: shop", "namespace: ''"), view = "c https://h:6443 u -" },
  { "a null namespace", text = with("namespace: shop", "namespace: null"), view = "c https://h:6443 u -" },
  { "no user", text = with(", user: u", ""), view = "c https://h:6443 - shop" },
  { "an empty user", text = with("user: u,", "user: '',"), view = "c https://h:6443 - shop" },
  { "a server with a path, a slash at its end, and capitals", text = with("https://h:6443", "https://H:6443/Prefix/"),
    view = "c https://H:6443/Prefix/ u shop" },
  { "an IPv6 server", text = with("https://h:6443", "https://[::1]:6443"), view = "c https://[::1]:6443 u shop" },
  { "names with spaces, slashes, colons and an @", text = called("'a b/c:d@e'", "'a b/c:d@e'"),
    view = "a b/c:d@e https://h:6443 u shop" },
  { "names that are not ASCII", text = called("käse", "käse"),
    view = "käse https://h:6443 u shop" },
  { "a name of emoji, by its escape", text = called('"\\U0001F600"', '"\\U0001F600"'),
    view = "😀 https://h:6443 u shop" },

  { "a name as EKS gives it", text = called("arn:aws:eks:eu-west-1:1234:cluster/prod", "arn:aws:eks:eu-west-1:1234:cluster/prod"),
    view = "arn:aws:eks:eu-west-1:1234:cluster/prod https://h:6443 u shop" },
  { "a name as GKE gives it", text = called("gke_p-1_europe-west1-b_prod", "gke_p-1_europe-west1-b_prod"),
    view = "gke_p-1_europe-west1-b_prod https://h:6443 u shop" },
  { "a name of 5,000 letters", text = called(("n"):rep(5000), ("n"):rep(5000)), view = ("n"):rep(5000) .. " https://h:6443 u shop" },
  { "a name with a quote and a backslash", text = called([["a\"b\\c"]], [['a"b\c']]), view = [[a"b\c https://h:6443 u shop]] },
  { "a name with spaces around it", text = called("' c '", "' c '"), view = " c  https://h:6443 u shop" },
  { "a name over two lines", text = called('"a\n  b"', "a b"), view = "a b https://h:6443 u shop" },
  { "a name that differs in its form only", text = called('"caf\\u00e9"', '"cafe\\u0301"'), refused = "is not defined" },

  -- current-context
  { "no current-context", text = with("current-context: c\n", ""), refused = "sets no current-context" },
  { "an empty current-context", text = with("current-context: c", 'current-context: ""'), refused = "sets no current-context" },
  { "a null current-context", text = with("current-context: c", "current-context:"), refused = "sets no current-context" },
  { "a current-context that is not defined", text = with("current-context: c", "current-context: d"),
    refused = 'context "d" is not defined' },
  { "a current-context of another case", text = with("current-context: c", "current-context: C"), refused = 'context "C" is not defined' },
  { "a current-context with a space after it", text = with("current-context: c", 'current-context: "c "'),
    refused = 'context "c " is not defined' },
  { "a current-context that is a list", text = with("current-context: c", "current-context: [c]"), refused = "config:7: current-context" },
  { "a current-context that is a number", text = with("current-context: c", "current-context: 1"), refused = "config:7: current-context" },
  { "a current-context that is a boolean", text = with("current-context: c", "current-context: on"),
    refused = "config:7: current-context" },
  { "a context of a cluster that is not defined", text = with("cluster: k,", "cluster: l,"), refused = 'cluster "l"' },
  { "a context of a user that is not defined", text = with("user: u,", "user: v,"), refused = 'user "v"' },
  { "a context without a cluster", text = with("cluster: k, user", "user"), view = "c - u shop" },
  { "an empty context", text = with("{cluster: k, user: u, namespace: shop}", "{}"), view = "c - - -" },
  { "a null context", text = with("{cluster: k, user: u, namespace: shop}", "null"), view = "c - - -" },
  { "an empty cluster", text = with('{server: "https://h:6443"}', "{}"), view = "c - u shop" },
  { "an empty server", text = with('"https://h:6443"', '""'), view = "c - u shop" },
  { "a server without a scheme", text = with("https://h:6443", "h:6443"), view = "c h:6443 u shop" },

  -- sections
  { "null sections", text = "clusters:\nusers: null\ncontexts: ~\ncurrent-context: c\n", refused = 'context "c" is not defined' },
  { "empty sections", text = "clusters: []\nusers: []\ncontexts: []\n", refused = "defines no context" },
  { "an empty file", text = "", refused = "defines no context" },
  { "a file of comments", text = "# nothing yet\n", refused = "defines no context" },
  { "a file of blank lines", text = "\n \n\n", refused = "defines no context" },
  { "a document mark alone", text = "---\n", refused = "defines no context" },
  { "an empty mapping", text = "{}", refused = "defines no context" },
  { "a list", text = "[]", refused = "config:1: expected a kubeconfig" },
  { "a word", text = "hello", refused = "config:1: expected a kubeconfig" },
  { "a number", text = "42", refused = "config:1: expected a kubeconfig" },
  { "sections as mappings", text = "clusters: {k: {server: x}}\n" .. TAIL:gsub("^clusters:\n[^\n]+\n", ""),
    refused = "config:1: clusters: expected a list" },
  { "contexts as text", text = with("contexts:\n- {name: c, context: {cluster: k, user: u, namespace: shop}}", "contexts: c"),
    refused = "config:5: contexts: expected a list" },
  { "an item that is text", text = with("- {name: u, user: {token: t}}", "- u"), refused = "config:4: users[0]: expected a mapping" },
  { "an item that is null", text = with("- {name: u, user: {token: t}}", "-\n- {name: u, user: {token: t}}"), view = VIEW },
  { "an item without a name", text = with("users:\n", "users:\n- {user: {token: x}}\n"), view = VIEW },
  { "two items without a name", text = with("users:\n", "users:\n- {user: {token: x}}\n- {user: {token: y}}\n"),
    refused = 'config:5: users[1].name: "" is defined twice' },
  { "an item without a name, with a mistake", text = with("users:\n", "users:\n- {user: {token: 1}}\n"),
    refused = "config:4: users[0].user.token: expected a string" },
  { "a cluster that is text", text = with('{server: "https://h:6443"}', "https"),
    refused = "config:2: clusters[0].cluster: expected a mapping" },
  { "a cluster that is a list", text = with('{server: "https://h:6443"}', "[]"),
    refused = "config:2: clusters[0].cluster: expected a mapping" },
  { "an empty name", text = called("''", "''"),
    refused = "defines no context" },

  -- duplicates
  { "two contexts of one name", text = with("contexts:\n", "contexts:\n- {name: c, context: {cluster: k}}\n"),
    refused = 'config:7: contexts[1].name: "c" is defined twice' },
  { "two clusters of one name", text = with("clusters:\n", "clusters:\n- {name: k, cluster: {server: x}}\n"),
    refused = 'config:3: clusters[1].name: "k" is defined twice' },
  { "two users of one name", text = with("users:\n", "users:\n- {name: u, user: {}}\n"),
    refused = 'config:5: users[1].name: "u" is defined twice' },
  { "a key twice", text = with("namespace: shop", "namespace: m, namespace: shop"), view = VIEW },
  { "current-context twice", text = "current-context: d\n" .. TAIL, view = VIEW },
  { "a section twice", text = "contexts: []\n" .. TAIL, view = VIEW },

  -- fields
  { "unknown fields everywhere", text = "colour: blue\n" .. with("{server:", "{provider: [1, {a: b}], server:"), view = VIEW },
  { "extensions", text = with("{server:", "{extensions: [{name: x, extension: {a: 1}}], server:"), view = VIEW },
  { "extensions that are a mapping", text = with("{server:", "{extensions: {a: b}, server:"),
    refused = "config:2: clusters[0].cluster.extensions: expected a list" },
  { "an extension whose name is a number", text = with("{token: t", "{extensions: [{name: 1}], token: t"),
    refused = "config:4: users[0].user.extensions[0].name: expected a string" },
  { "an extension that is text", text = with("{cluster: k", "{extensions: [x], cluster: k"),
    refused = "config:6: contexts[0].context.extensions[0]: expected a mapping" },
  { "preferences that are text", text = "preferences: x\n" .. TAIL, refused = "config:1: preferences: expected a mapping" },
  { "colors that are a number", text = "preferences: {colors: 1}\n" .. TAIL,
    refused = "config:1: preferences.colors: expected true or false" },
  { "an auth-provider whose config is text", text = with("token: t", "token: t, auth-provider: {name: x, config: y}"),
    refused = "config:4: users[0].user.auth-provider.config: expected a mapping" },
  { "an auth-provider with a number", text = with("token: t", "token: t, auth-provider: {name: x, config: {a: 1}}"),
    refused = "config:4: users[0].user.auth-provider.config.a: expected a string" },
  { "fields in the wrong case", text = with("server:", "Server:"), view = "c - u shop" },
  { "a server that is a number", text = with('"https://h:6443"', "6443"),
    refused = "config:2: clusters[0].cluster.server: expected a string" },
  { "a server that is a list", text = with('"https://h:6443"', '["https://h:6443"]'),
    refused = "config:2: clusters[0].cluster.server: expected a string" },
  { "a boolean in quotes", text = with("{server:", "{insecure-skip-tls-verify: 'true', server:"),
    refused = "config:2: clusters[0].cluster.insecure-skip-tls-verify: expected true or false" },
  { "yes for a boolean", text = with("{server:", "{insecure-skip-tls-verify: yes, server:"), view = VIEW },
  { "1 for a boolean", text = with("{server:", "{insecure-skip-tls-verify: 1, server:"),
    refused = "config:2: clusters[0].cluster.insecure-skip-tls-verify: expected true or false" },
  { "a null boolean", text = with("{server:", "{insecure-skip-tls-verify: , server:"), view = VIEW },
  { "data that is not base64", text = with("{server:", "{certificate-authority-data: '%%%', server:"),
    refused = "config:2: clusters[0].cluster.certificate-authority-data: is not base64" },
  { "data with line breaks", text = with("{server:", '{certificate-authority-data: "YWJj\\nZGVm\\n", server:'), view = VIEW },
  { "data that is a number", text = with("{server:", "{certificate-authority-data: 1234, server:"),
    refused = "config:2: clusters[0].cluster.certificate-authority-data: expected" },
  { "a token that is a number", text = with("token: t", "token: 12345"), refused = "config:4: users[0].user.token: expected a string" },
  { "groups that are text", text = with("token: t", "token: t, as-groups: x"),
    refused = "config:4: users[0].user.as-groups: expected a list" },
  { "groups of numbers", text = with("token: t", "token: t, as-groups: [1]"),
    refused = "config:4: users[0].user.as-groups[0]: expected a string" },
  { "an exec plugin whose args are text", text = with("token: t", "exec: {command: x, args: y}"),
    refused = "config:4: users[0].user.exec.args: expected a list" },
  { "an exec plugin whose env is a mapping", text = with("token: t", "exec: {command: x, env: {A: b}}"),
    refused = "config:4: users[0].user.exec.env: expected a list" },
  { "an exec plugin whose env holds a null", text = with("token: t", "exec: {command: x, env: [null]}"), view = VIEW },
  { "an exec plugin", text = with("token: t",
    "exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: x, args: [a], env: [{name: A, value: b}]}"),
    view = VIEW },

  { "no verification, and an authority", text = with("{server:",
    "{insecure-skip-tls-verify: true, certificate-authority-data: YWJj, server:"), view = VIEW },
  { "an authority with line breaks", text = with("{server:", '{certificate-authority-data: "YWJj\\nYWJj\\r\\n", server:'),
    view = VIEW },
  { "an authority with spaces", text = with("{server:", "{certificate-authority-data: YWJj YWJj, server:"),
    refused = "config:2: clusters[0].cluster.certificate-authority-data: is not base64" },
  { "an authority without padding", text = with("{server:", "{certificate-authority-data: YWI, server:"), refused = "config:2:" },
  { "an authority in the alphabet of URLs", text = with("{server:", "{certificate-authority-data: Y-_j, server:"), refused = "config:2:" },
  { "an authority that is tagged as binary", text = with("{server:", "{certificate-authority-data: !!binary WVdKag==, server:"),
    view = VIEW },
  { "an authority that is a list of bytes", text = with("{server:", "{certificate-authority-data: [89, 0x57, null], server:"),
    view = VIEW },
  { "an authority that is a list of larger numbers", text = with("{server:", "{certificate-authority-data: [89, 256], server:"),
    refused = "config:2: clusters[0].cluster.certificate-authority-data: expected base64" },
  { "an authority that is a list of texts", text = with("{server:", "{certificate-authority-data: [YWJj], server:"),
    refused = "config:2:" },
  { "an authority that is an empty list", text = with("{server:", "{certificate-authority-data: [], server:"), view = VIEW },
  { "no verification, in text", text = with("{server:", "{insecure-skip-tls-verify: 'true', server:"), refused = "config:2:" },
  { "no verification: yes", text = with("{server:", "{insecure-skip-tls-verify: yes, server:"), view = VIEW },
  { "no verification: null", text = with("{server:", "{insecure-skip-tls-verify: ~, server:"), view = VIEW },
  { "a field in capitals", text = with("{server:", "{SERVER: 'https://g', server:"), view = VIEW },
  { "a token that is a number", text = with("token: t", "token: 123456"), refused = "config:4: users[0].user.token: expected a string" },
  { "a password that is yes", text = with("token: t", "username: u, password: yes"), refused = "config:4:" },
  { "a token and a token file", text = with("token: t", "token: t, tokenFile: /gone"), view = VIEW },
  { "groups with a null", text = with("token: t", "token: t, as: x, as-groups: [a, null]"), view = VIEW },
  { "groups that are text", text = with("token: t", "token: t, as: x, as-groups: a"), refused = "config:4: users[0].user.as-groups" },
  { "extra whose values are text", text = with("token: t", "token: t, as: x, as-user-extra: {a: b}"), refused = "config:4:" },
  { "extra whose key is a number", text = with("token: t", "token: t, as: x, as-user-extra: {1: [b]}"), view = VIEW },

  -- scalars of YAML 1.1
  { "a name that is a number", text = called("7", "'7'"),
    refused = "config:6: contexts[0].name: expected a string" },
  { "a name of digits in quotes", text = called("'007'", "'007'"),
    view = "007 https://h:6443 u shop" },
  { "a name like an exponent", text = called("1e3", "'1e3'"),
    refused = "config:6: contexts[0].name: expected a string" },
  { "a name like a hexadecimal number", text = with("namespace: shop", "namespace: 0x1f"), refused = NO_TEXT },
  { "a name like an octal number", text = with("namespace: shop", "namespace: 0o17"), refused = NO_TEXT },
  { "a name with an underscore between digits", text = with("namespace: shop", "namespace: 1_000"), refused = NO_TEXT },
  { "a name like a version", text = with("namespace: shop", "namespace: 1.2.3"), view = "c https://h:6443 u 1.2.3" },
  { "a name like a fraction", text = with("namespace: shop", "namespace: 1.2"), refused = NO_TEXT },
  { "a name like a sexagesimal number", text = with("namespace: shop", "namespace: 1:30"), view = "c https://h:6443 u 1:30" },
  { "a name like a date", text = with("namespace: shop", "namespace: 2024-01-01"), view = "c https://h:6443 u 2024-01-01" },
  { "a name like infinity", text = with("namespace: shop", "namespace: .inf"), refused = NO_TEXT },
  { "infinity where nobody looks", text = "x: [1, -.inf]\n" .. TAIL, refused = "config:1: a number that is infinite" },
  { "what is no number where nobody looks", text = with("{token: t}", "{token: t, colour: .NaN}"), refused = "config:4:" },
  { "infinity as a key", text = ".inf: x\n" .. TAIL, view = VIEW },
  { "a namespace called no", text = with("namespace: shop", "namespace: no"), refused = NO_TEXT },
  { "a namespace called y", text = with("namespace: shop", "namespace: y"), refused = NO_TEXT },
  { "a namespace called NO", text = with("namespace: shop", "namespace: NO"), refused = NO_TEXT },
  { "a namespace called nO", text = with("namespace: shop", "namespace: nO"), view = "c https://h:6443 u nO" },
  { "a namespace called true, in quotes", text = with("namespace: shop", 'namespace: "true"'), view = "c https://h:6443 u true" },
  { "a namespace called ~", text = with("namespace: shop", "namespace: ~"), view = "c https://h:6443 u -" },
  { "a number tagged as text", text = with("namespace: shop", "namespace: !!str 12"), view = "c https://h:6443 u 12" },
  { "a tag of somebody's own", text = with("namespace: shop", "namespace: !mine shop"), view = VIEW },
  { "binary text", text = with("namespace: shop", "namespace: !!binary c2hvcA=="), view = VIEW },
  { "binary text that is none", text = with("namespace: shop", "namespace: !!binary '%'"), refused = "config:6:" },
  { "a null with a text", text = with("namespace: shop", "namespace: !!null x"), refused = "config:6:" },
  { "an integer that is none", text = with("namespace: shop", "namespace: !!int x"), refused = "config:6:" },
  { "a number beyond all bounds", text = with("namespace: shop", "namespace: 1e400"), view = "c https://h:6443 u 1e400" },
  { "a fraction with an underscore", text = with("namespace: shop", "namespace: .5_5"), refused = NO_TEXT },
  { "an escaped NUL", text = with("namespace: shop", 'namespace: "\\0"'), refused = "config:6: contexts[0].context.namespace: holds a NUL",
    ours = "a NUL can be in no name, path or header" },
  { "a block text", text = TAIL:gsub("%- {name: u.-\n", "- name: u\n  user:\n    token: |\n      t\n"), view = VIEW },
  { "a folded current-context", text = with("current-context: c", "current-context: >-\n  c"), view = VIEW },

  -- characters
  { "a byte order mark", text = "\u{FEFF}" .. TAIL, view = VIEW },
  { "CRLF", text = TAIL:gsub("\n", "\r\n"), view = VIEW },
  { "CR alone", text = TAIL:gsub("\n", "\r"), view = VIEW },
  { "a tab as indentation", text = "clusters:\n\t- name: k\n" .. TAIL, refused = "config:2:" },
  { "a tab after a colon", text = with("current-context: c", "current-context:\tc"), view = VIEW },
  { "tabs in a flow mapping", text = with("{name: u,", "{\tname: u,"), view = VIEW },
  { "no line end at the end", text = TAIL:gsub("\n$", ""), view = VIEW },
  { "a NUL", text = TAIL .. "\0", refused = "config:8:" },
  { "Latin-1", text = with("namespace: shop", "namespace: k\xe4se"), refused = "config:6:" },
  { "a control character", text = TAIL .. "# \27[0m\n", refused = "config:8:" },
  { "a comment after a value", text = with("current-context: c", "current-context: c # mine"), view = VIEW },
  { "a hash within a word", text = with("namespace: shop", "namespace: n#1"), view = "c https://h:6443 u n#1" },

  -- documents
  { "document marks", text = "---\n" .. TAIL .. "...\n", view = VIEW },
  { "several documents", text = TAIL .. "---\n" .. small "other", view = VIEW },
  { "an empty document first", text = "---\n---\n" .. TAIL, refused = "defines no context" },
  { "a directive", text = "%YAML 1.1\n---\n" .. TAIL, view = VIEW },
  { "a directive of another version", text = "%YAML 1.2\n---\n" .. TAIL, refused = "config:1:" },
  { "another kind", text = "kind: Pod\napiVersion: v1\n" .. TAIL, refused = "config:1: kind: expected \"Config\"" },
  { "another version", text = "kind: Config\napiVersion: v2\n" .. TAIL, refused = "config:2: apiVersion: expected \"v1\"" },
  { "a kind alone", text = "kind: Config\n" .. TAIL, view = VIEW },
  { "JSON", text = json "https://h:6443", view = VIEW },
  { "JSON with an escaped slash", text = json "https:\\/\\/h:6443", view = VIEW,
    ours = "kubectl's YAML library does not know this escape of JSON" },
  { "JSON with a comma too many", text = json("https://h:6443"):gsub("}$", ",}"), view = VIEW },
  { "JSON that is cut off", text = json("https://h:6443"):sub(1, -2), refused = "config:" },
  { "a brace too many", text = with("{token: t}}", "{token: t}}}"), refused = "config:4:" },
  { "a text that is not closed", text = with("current-context: c", "current-context: 'c"), refused = "config:" },
  { "indentation that fits nothing", text = "clusters:\n  - name: k\n - name: l\n", refused = "config:3:" },

  -- anchors
  { "an anchor and its alias", text = with("current-context: c", "x: &x c\ncurrent-context: *x"), view = VIEW },
  { "an alias of a mapping", text = "d: &d {server: 'https://h:6443'}\n" .. with('{server: "https://h:6443"}', "*d"), view = VIEW },
  { "a merge key", text = "d: &d {server: 'https://d', user: v}\n" ..
    with('{server: "https://h:6443"}', "{<<: *d, server: 'https://h:6443'}"),
    view = VIEW },
  { "a merge key after the field that it has too", text = "d: &d {server: 'https://d'}\n" ..
    with('{server: "https://h:6443"}', "{server: 'https://h:6443', <<: *d}"),
    view = "c https://d u shop" },
  { "a merge key that brings the field", text = "d: &d {server: 'https://h:6443'}\n" .. with('{server: "https://h:6443"}', "{<<: *d}"),
    view = VIEW },
  { "a merge of several", text = "d: &d {server: 'https://h:6443'}\ne: &e {server: 'https://e'}\n" ..
    with('{server: "https://h:6443"}', "{<<: [*d, *e]}"),
    view = VIEW },
  { "a merge of text", text = with('{server: "https://h:6443"}', "{<<: x}"), refused = "config:2:" },
  { "an alias without an anchor", text = with("current-context: c", "current-context: *x"), refused = "config:7:" },
  { "an anchor that contains itself", text = "x: &x [*x]\n" .. TAIL, refused = "config:1:" },
  { "a mapping that contains itself", text = "x: &x {a: {b: *x}}\n" .. TAIL, refused = "config:1:" },
  { "aliases that explode",
    text = "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
    .. "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"
    .. "g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f,*f]\n" .. TAIL, refused = "config:" },
  { "an anchor that is defined again", text = with("current-context: c", "x: &x d\ny: &x c\ncurrent-context: *x"), view = VIEW },
  { "a mapping as a key", text = "? {a: b}\n: c\n" .. TAIL, refused = "config:1:" },
  { "a number as a key", text = "1: 2\n" .. TAIL, view = VIEW },
  { "a boolean as a key", text = "on: 2\n" .. TAIL, view = VIEW },
  { "a null key", text = "~: 2\n" .. TAIL, refused = "config:1:" },

  -- size
  { "1 MB of clusters", text = table.concat(many), view = "c https://h8999.example.com:6443 - -" },
  { "1 MB of one text", text = ("x: %s\n"):format(("abcdefghij"):rep(100000)) .. TAIL, view = VIEW },
  { "1 MB of base64", text = with("{server:", ("{certificate-authority-data: %s, server:"):format(("YWJj"):rep(250000))), view = VIEW },
  { "1 MB of comments", text = ("# a comment that says nothing\n"):rep(34000) .. TAIL, view = VIEW },
  { "a mapping 900 levels deep", text = "x: " .. ("["):rep(900) .. ("]"):rep(900) .. "\n" .. TAIL, view = VIEW },

  -- several files
  { "two files, the first current-context", files = { a = small "a", b = small "b" }, list = "a:b", view = "a https://a a a" },
  { "two files, the other way round", files = { a = small "a", b = small "b" }, list = "b:a", view = "b https://b b b" },
  { "a current-context in the second only", files = { a = small("a", "''"), b = small "b" }, list = "a:b", view = "b https://b b b" },
  { "a current-context of the other file", files = { a = small("a", "b"), b = small "b" }, list = "a:b", view = "b https://b b b" },
  { "parts in three files", files = { a = "current-context: c\n", b = "contexts: [{name: c, context: {cluster: k, user: u}}]\n",
    c = "clusters: [{name: k, cluster: {server: 'https://k'}}]\nusers: [{name: u, user: {}}]\n" }, list = "a:b:c",
    view = "c https://k u -" },
  { "a cluster in both: the first counts", files = { a = small "a", b = small("b", "a"):gsub("name: b,", "name: a,") }, list = "a:b",
    view = "a https://a a a" },
  { "a cluster in both: no field comes from the second",
    files = { a = small("a"):gsub('server: "https://a"', "tls-server-name: x"), b = small "a" }, list = "a:b",
    view = "a - a a" },
  { "a context in both: no field comes from the second", files = { a = small("a"):gsub(", namespace: a", ""), b = small "a" }, list = "a:b",
    view = "a https://a a -" },
  { "an empty context in the first", files = { a = "contexts: [{name: a}]\n", b = small "a" }, list = "a:b", view = "a - - -" },
  { "a file twice", files = { a = small "a" }, list = "a:a", view = "a https://a a a" },
  { "a missing file first", files = { a = small "a" }, list = "missing:a", view = "a https://a a a" },
  { "a missing file last", files = { a = small "a" }, list = "a:missing", view = "a https://a a a" },
  { "empty elements", files = { a = small "a" }, list = "::a:", view = "a https://a a a" },
  { "all files missing", files = {}, list = "missing:gone", refused = "missing" },
  { "an empty file first", files = { a = "", b = small "b" }, list = "a:b", view = "b https://b b b" },
  { "a broken file first", files = { a = "clusters: 1\n", b = small "b" }, list = "a:b", refused = "a:1: clusters" },
  { "a broken file last", files = { a = small "a", b = "users: {}\n" }, list = "a:b", refused = "b:1: users" },
  { "a folder", files = { a = small "a" }, list = ".:a", refused = "." },
  { "a folder with a slash", files = { a = small "a", ["d/e"] = "" }, list = "a:d/", refused = "d/" },
  { "a file with a slash", files = { a = small "a" }, list = "a/:a", refused = "a/" },
  { "a file below a file", files = { a = small "a" }, list = "a/b:a", refused = "a/b" },
  { "a link to a file", files = { ["d/f"] = small "f", l = { link = "d/f" } }, list = "l", view = "f https://f f f" },
  { "a link to nothing", files = { a = small "a", l = { link = "gone" } }, list = "l:a", view = "a https://a a a" },
  { "a link to itself", files = { a = small "a", l = { link = "l" } }, list = "l:a", refused = "l: " },
  { "nothing in a device", files = { a = small "a" }, list = "/dev/null:a", view = "a https://a a a" },
  { "a name of a file that is too long", files = { a = small "a" }, list = ("n"):rep(300) .. ":a", refused = "nnn" },
  { "a home in a name of a file", files = { a = small "a" }, list = "~/a:a", view = "a https://a a a" },
  { "colons alone", files = { a = small "a" }, list = ":::a", view = "a https://a a a" },
  { "three files that define all, each in another order", files = { a = small("a", "''"), b = small("b", "a"), c = small("c", "b") },
    list = "c:a:b", view = "b https://b b b" },
  { "a user in both: the first counts, though it is empty", files = { a = "users: [{name: b}]\n", b = small "b" }, list = "a:b",
    view = "b https://b b b" },
  { "a null entry in the first does not count", files = { a = "clusters: [null]\ncontexts: [null]\n", b = small "b" }, list = "a:b",
    view = "b https://b b b" },
  { "one broken entry that the other file has well", files = { a = "clusters: [{name: b, cluster: x}]\n", b = small "b" }, list = "b:a",
    refused = "a:1: clusters[0].cluster" },
  { "a file in another folder", files = { ["d/e/f"] = small "f" }, list = "./d/../d/e/f", view = "f https://f f f" },
  { "a space around a name of a file", files = { [" a "] = small "a" }, list = " a ", view = "a https://a a a" },
  { "JSON and YAML", files = { a = json "https://h:6443", b = small "b" }, list = "b:a", view = "b https://b b b" },
}

return cases
