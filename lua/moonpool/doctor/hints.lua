-- hints.lua: what to do about each cause that the doctor knows. A hint is a text, or a function that is given the facts of the
-- context (see init.lua) and makes one.

local hints = {}

local function day(seconds) return os.date("!%Y-%m-%d", seconds) end

local function host(facts) return facts.server and facts.server:match "^%a+://%[?([^/%]:]+)" or "HOST" end

--- The hint where the server is a name and a port; a Unix socket has another one.
local function orSocket(hint)
  return function(facts)
    if not (facts.server and facts.server:find "^unix:") then return hint end
    return "is the program that makes this socket (kubectl proxy --unix-socket=PATH) running, and may you open it?"
  end
end

hints.context = "correct the kubeconfig: see `kubectl config view`"
hints.credentials = "look at the user entry of the context: files that it names must be readable, a plugin must be installed and logged in"

hints.name = function(facts) return ("is `server` spelled right, is the VPN up? Try: getent hosts %s"):format(host(facts)) end
hints.nameSilent = "the name server does not answer: look at /etc/resolv.conf and the VPN"
hints.refused = orSocket("the host is up, but nothing listens there: is the API server running, is the port in `server` right?")
hints.unreachable = orSocket("there is no way to that address: is the VPN up, is the network there?")
hints.silent = "packets are dropped on the way (a firewall, a security group, a VPN that is down), or the host is off"
hints.sessionSilent = "something takes the connection and then says nothing: an API server that is stopped or overloaded, or a load "
  .. "balancer without anybody behind it"
hints.proxy = "look at proxy-url in the kubeconfig, and at HTTPS_PROXY and NO_PROXY in the environment"

hints.authority = function(facts)
  local issuer = facts.issuer and ('the certificate was issued by "%s": '):format(facts.issuer) or ""
  return issuer .. "get a new kubeconfig, or the cluster's present certificate-authority-data; unless somebody else answers at that address"
end
hints.expired = function(facts)
  return ("%srenew it on the server (kubeadm certs renew apiserver), and restart the API server; or is the clock here wrong?"):format(
    facts.serverExpiry and ("it ended on %s: "):format(day(facts.serverExpiry)) or "")
end
hints.notYetValid = "one of the clocks is wrong: here, or where the certificate was made"
hints.otherName = function(facts)
  local names = table.concat(facts.serverNames or {}, ", ")
  return ("%suse one of its names in `server`, or as tls-server-name"):format(names ~= "" and "it is for " .. names .. ": " or "")
end
hints.unverified = "the certificate breaks a rule: it must be made anew"
hints.notTls = "something speaks there, but not TLS: is the port in `server` right, or is it http:// ?"
hints.handshake = "both sides do not agree on TLS: is the port in `server` right, is it a proxy that cuts connections?"
hints.plainHttp = "write https:// in `server`"

hints.clientExpired = "log in again, or get a new client certificate (kubeadm certs renew admin.conf)"
hints.clientRefused = "the server does not know who signed our client certificate: get a new kubeconfig"
hints.unauthorized = function(facts)
  if not facts.hasCredentials then return "the context's user has no credentials: log in, or get a kubeconfig that has some" end
  return "the token or certificate is wrong, revoked or out of date: log in again, or get a new kubeconfig"
end
hints.forbidden = "the server knows who asks, but they may not: somebody has to bind a role to this user"
hints.webPage = "a proxy, a login page or a load balancer answers in place of the API server: look at `server`, HTTPS_PROXY and the "
  .. "VPN's portal"
hints.notAnApiServer = "what answers there is no API server: look at `server`, its path too"
hints.noAnswer = "the connection stands, but requests are not answered: the API server is overloaded, stopped, or waits for its etcd"
hints.lost = "the connection was cut: an API server that restarts, or a proxy on the way"
hints.server = "the API server is in trouble: look at its log, and at that of what stands in front of it"
hints.overloaded = "the API server has too much to do: wait, and look who asks so much"
hints.notReady = "the API server runs, but is not ready: look at its log for the checks that fail"

hints.clockSkew = "set the clock (timedatectl set-ntp true): tokens and certificates are judged by it"
hints.expiresSoon = "renew it on the server before it ends (kubeadm certs renew apiserver)"
hints.clientExpiresSoon = "get a new one before it ends"

--- The hint for a cause.
---@param cause string
---@param facts table
---@return string?
return function(cause, facts)
  local hint = hints[cause]
  if type(hint) == "function" then return hint(facts) end
  return hint
end
