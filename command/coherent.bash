# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# Completion of the command "coherent" in bash. The command itself lists the words.
_coherent() {
	local current=${COMP_WORDS[COMP_CWORD]} words word

	COMPREPLY=()
	if [ "$COMP_CWORD" = 1 ]; then
		words=$("${COMP_WORDS[0]}" --complete 2>/dev/null)
	else
		case $current in
		-*) words=$("${COMP_WORDS[0]}" --complete "${COMP_WORDS[1]}" 2>/dev/null) ;;
		*) return ;;
		esac
	fi
	while IFS= read -r word; do
		COMPREPLY+=("$word")
	done < <(compgen -W "$words" -- "$current")
	# The value of an option follows without a blank.
	case ${COMPREPLY[*]} in
	*=) compopt -o nospace 2>/dev/null ;;
	esac
}
complete -o default -F _coherent coherent
