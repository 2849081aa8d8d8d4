#compdef keyhold
# keyhold completion for zsh. In ~/.zshrc, after compinit: source <(keyhold completion zsh)
_keyhold() {
	local -a found
	found=("${(@f)$("${words[1]}" __complete zsh "${(@)words[1,CURRENT]}" 2>/dev/null)}")
	if [[ -n "${found[1]}" ]]; then
		_describe 'keyhold' found
	else
		_files
	fi
}
if [[ "${funcstack[1]}" = _keyhold ]]; then
	_keyhold "$@"
else
	compdef _keyhold keyhold
fi
