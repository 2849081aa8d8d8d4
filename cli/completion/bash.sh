# keyhold completion for bash. In ~/.bashrc: source <(keyhold completion bash)
_keyhold() {
	local line
	COMPREPLY=()
	while IFS= read -r line; do
		COMPREPLY+=("$line")
	done < <("${COMP_WORDS[0]}" __complete bash "${COMP_WORDS[@]:0:COMP_CWORD+1}" 2>/dev/null)
}
complete -o default -F _keyhold keyhold
