-- shells.lua: what a shell runs to complete command lines of moonpool: few lines, that ask the program itself (see init.lua), so that
-- a shell knows each option as soon as the program does.
local shells = {}

shells.bash = [==[
# moonpool: completion for bash. For one shell: eval "$(moonpool completion bash)"
_moonpool() {
  mapfile -t COMPREPLY < <("${1/#\~/$HOME}" completion line "$COMP_WORDBREAKS" "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
  local files=${COMPREPLY[0]-}
  COMPREPLY=("${COMPREPLY[@]:1}")
  [ "$files" = files ] || return 0
  if [ ${#COMPREPLY[@]} = 0 ]; then
    compopt -o default
  else
    compopt -o filenames
    mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$2")
  fi
}
complete -F _moonpool moonpool
]==]

shells.zsh = [==[
#compdef moonpool
# moonpool: completion for zsh. For one shell: source <(moonpool completion zsh)
_moonpool() {
  local -a answer found
  local line value
  answer=("${(@f)$("${words[1]/#\~\//$HOME/}" completion words "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
  for line in "${(@)answer[2,-1]}"; do
    value=${line%%$'\t'*}
    found+=("${value//:/\\:}:${line#*$'\t'}")
  done
  (( $#found )) && _describe -t values moonpool found
  if [[ $answer[1] == files ]]; then
    compset -P '--[a-z-]#='
    _files
  fi
}
if [ "$funcstack[1]" = _moonpool ]; then _moonpool "$@"; else compdef _moonpool moonpool; fi
]==]

shells.fish = [==[
# moonpool: completion for fish. For one shell: moonpool completion fish | source
function __moonpool_candidates
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    set -l program (string replace -r '^~/' "$HOME/" -- $words[1])
    set -l answer ($program completion words $words[2..-1] (string trim -l -c '\'"' -- "$word") 2>/dev/null)
    string join \n -- $answer[2..-1]
    if test "$answer[1]" = files
        set -l option (string match -r -- '^--[a-z-]+=' $word); or set option ''
        string join \n -- $option(__fish_complete_path (string replace -r -- '^--[a-z-]+=' '' $word))
    end
end
complete -c moonpool -f -a '(__moonpool_candidates)'
]==]

return shells
