# bash completion for belfry(1): commands, their options, ids of messages and
# names of destinations. Made by tools/make-completion from the program's tables.

_belfry_commands='check
config reference
password
status
pause
resume
queue list
queue show
queue hold
queue release
queue flush
queue requeue
queue remove
queue export
queue stats
store backup
store upgrade
send
sendmail
verdict
spf
dkim genkey
dkim record
dkim check
import postfix
import opendkim
help'

_belfry_options()
{
	case $1 in
	'') echo --config --help --version ;;
	'check')
		echo --strict --as --help ;;
	'config reference')
		echo --json --markdown --help ;;
	'password')
		echo --user --help ;;
	'status')
		echo --check --warning --critical --json --help ;;
	'pause')
		echo --reason --for --until-resumed --alerts --help ;;
	'resume')
		echo --help ;;
	'queue list')
		echo --limit --json --to --from --dest --older --held --corrupt --all --help ;;
	'queue show')
		echo --json --body --help ;;
	'queue hold')
		echo --json --to --from --dest --older --held --corrupt --all --help ;;
	'queue release')
		echo --json --to --from --dest --older --held --corrupt --all --help ;;
	'queue flush')
		echo --json --to --from --dest --older --held --corrupt --all --help ;;
	'queue requeue')
		echo --json --to --from --dest --older --held --corrupt --all --help ;;
	'queue remove')
		echo --yes --json --to --from --dest --older --held --corrupt --all --help ;;
	'queue export')
		echo --json --to --from --dest --older --held --corrupt --all --help ;;
	'queue stats')
		echo --json --help ;;
	'store backup')
		echo --json --help ;;
	'store upgrade')
		echo --json --help ;;
	'send')
		echo --from --to --wait --help ;;
	'sendmail')
		echo --help ;;
	'verdict')
		echo --ip --helo --from --json --help ;;
	'spf')
		echo --ip --helo --from --engine --json --help ;;
	'dkim genkey')
		echo --type --bits --json --help ;;
	'dkim record')
		echo --key --selector --domain --testing --json --help ;;
	'dkim check')
		echo --key --selector --domain --json --help ;;
	'import postfix')
		echo --help ;;
	'import opendkim')
		echo --help ;;
	'help')
		echo --json --help ;;
	esac
}

# The commands that take ids of messages, with a dash for the blank.
_belfry_takes_ids()
{
	echo 'queue-show queue-hold queue-release queue-flush queue-requeue queue-remove queue-export'
}

# Does a command begin with the words of $1?
_belfry_begins()
{
	[[ $'\n'$_belfry_commands =~ $'\n'"$1"($'\n'|' '|$) ]]
}

# The word behind $1 in each command that begins so.
_belfry_next()
{
	local command
	while IFS= read -r command; do
		[[ -z $1 || $command == "$1 "* ]] || continue
		command=${command#"$1"}
		command=${command# }
		echo "${command%% *}"
	done <<<"$_belfry_commands" | sort -u
}

_belfry_ask()
{
	"${COMP_WORDS[0]}" "${conf[@]}" "$@" 2>/dev/null
}

_belfry_ids()
{
	_belfry_ask queue list --json --limit 200 |
		sed -n 's/.*"queue_id":"\([0-9A-Z]*\)".*/\1/p'
}

_belfry_destinations()
{
	_belfry_ask queue stats --json | sed -n 's/.*"name":"\([^"]*\)".*/\1/p'
}

_belfry()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	local command='' word all='' help='' i conf=()
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ -z $command && ( $word == -c || $word == --config ) ]]; then
			i=$((i + 1))
			conf=(-c "${COMP_WORDS[i]}")
		elif [[ $word != -* ]] &&
		     _belfry_begins "$command${command:+ }$word"; then
			command+=${command:+ }$word
			[[ $command == help ]] && help=1 command=''
		else
			all=$word
		fi
	done
	case $prev in
	-c|--config|--for|--older|--limit|--reason|--to|--from)
		return ;; # a file, by default, or what only the user knows
	--as)
		COMPREPLY=($(compgen -u -- "$cur"))
		return ;;
	--dest)
		COMPREPLY=($(compgen -W "$(_belfry_destinations)" -- "$cur"))
		return ;;
	esac
	if [[ $cur == -* ]]; then
		[[ -n $help ]] && command=help
		word=$(_belfry_options "$command")
		COMPREPLY=($(compgen -W "$word" -- "$cur"))
	elif [[ -n $help ||
		$'\n'$_belfry_commands$'\n' != *$'\n'"$command"$'\n'* ]]; then
		COMPREPLY=($(compgen -W "$(_belfry_next "$command")" -- "$cur"))
	elif [[ $command == 'queue export' && -z $all ]]; then
		COMPREPLY=($(compgen -d -- "$cur"))
	elif [[ " $(_belfry_takes_ids) " == *" ${command// /-} "* ]]; then
		COMPREPLY=($(compgen -W "$(_belfry_ids)" -- "$cur"))
	fi
}
complete -o default -F _belfry belfry
