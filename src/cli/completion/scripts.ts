/** The scripts shells read. They know nothing themselves and ask `holdfast __complete`. Pure. */

export type Shell = "bash" | "zsh" | "fish";

/** Words go behind `--`, so that flags among them are not taken for the command's own. */
const BASH = `# bash completion for holdfast. For good: holdfast completion bash > /etc/bash_completion.d/holdfast
_holdfast() {
  local IFS=$'\\n' candidate word="\${COMP_WORDS[COMP_CWORD]}" line point
  local -a words
  # "name:slot" is one word to holdfast; bash breaks words at ":" and "=".
  line="\${COMP_LINE:0:COMP_POINT}"
  IFS=$' \\t\\n' read -r -a words <<< "$line"
  [[ "$line" == *[[:space:]] ]] && words+=("")
  point="\${words[\${#words[@]}-1]}"
  COMPREPLY=()
  while read -r candidate; do
    [[ -n "$candidate" ]] && COMPREPLY+=("\${candidate:$(( \${#point} - \${#word} ))}")
  done < <("\${words[0]}" __complete -- "\${words[@]:1}" 2>/dev/null)
}
complete -o default -o bashdefault -F _holdfast holdfast
`;

const ZSH = `#compdef holdfast
# zsh completion for holdfast. For good: holdfast completion zsh > "\${fpath[1]}/_holdfast"
_holdfast() {
  local -a candidates
  candidates=("\${(@f)$("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  candidates=("\${(@)candidates:#}")
  if (( \${#candidates} )); then
    compadd -Q -- "\${(@q)candidates}"
  else
    _files
  fi
}
if [ "$funcstack[1]" = "_holdfast" ]; then
  _holdfast "$@"
else
  compdef _holdfast holdfast
fi
`;

const FISH = `# fish completion for holdfast. For good: holdfast completion fish > ~/.config/fish/completions/holdfast.fish
function __holdfast_complete
  set -l words (commandline -opc)
  set -l program $words[1]
  set -e words[1]
  set -l found ($program __complete -- $words (commandline -ct) 2>/dev/null)
  if test (count $found) -gt 0
    printf '%s\\n' $found
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c holdfast -f -a '(__holdfast_complete)'
`;

export const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };
