# bash completion for belfry(1): commands, their options, ids of messages,
# alerts and silences, names of destinations. Made by tools/make-completion from the program's tables.

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
alert send
alert list
alert show
alert ack
alert unack
alert close
alert noise
alert malformed
route test
silence add
silence list
silence expire
mute
unmute
clock accept
send
sendmail
verdict
spf
dkim genkey
dkim record
dkim check
import postfix
import opendkim
import alertmanager
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
	'alert send')
		echo --title --text --severity --key --resolve --label --url --source --wait --help ;;
	'alert list')
		echo --state --match --receiver --all --json --help ;;
	'alert show')
		echo --json --help ;;
	'alert ack')
		echo --note --json --help ;;
	'alert unack')
		echo --note --json --help ;;
	'alert close')
		echo --note --json --help ;;
	'alert noise')
		echo --note --json --week --help ;;
	'alert malformed')
		echo --json --body --help ;;
	'route test')
		echo --source --header --at --json --help ;;
	'silence add')
		echo --for --until --comment --json --help ;;
	'silence list')
		echo --all --json --help ;;
	'silence expire')
		echo --json --help ;;
	'mute')
		echo --reason --for --until --help ;;
	'unmute')
		echo --help ;;
	'clock accept')
		echo --help ;;
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
	'import alertmanager')
		echo --help ;;
	'help')
		echo --json --help ;;
	esac
}

# The commands that take ids of messages, with a dash for the blank.
_belfry_takes_ids()
{
	echo 'queue-show queue-hold queue-release queue-flush queue-requeue queue-remove queue-export alert-show alert-ack alert-unack alert-close alert-noise silence-expire'
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

# The ids that the command $1 may mean.
_belfry_ids()
{
	case $1 in
	alert\ *) _belfry_ask alert list --json |
		sed -n 's/^{"id":"\([0-9A-Z]*\)".*/\1/p' ;;
	silence\ *) _belfry_ask silence list --json |
		sed -n 's/^{"id":"\([0-9a-f-]*\)".*/\1/p' ;;
	*) _belfry_ask queue list --json --limit 200 |
		sed -n 's/.*"queue_id":"\([0-9A-Z]*\)".*/\1/p' ;;
	esac
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
	-c|--config|--for|--until|--older|--limit|--reason|--to|--from|--note|\
	--comment|--match|--receiver)
		return ;; # a file, by default, or what only the user knows
	--as)
		COMPREPLY=($(compgen -u -- "$cur"))
		return ;;
	--state)
		COMPREPLY=($(compgen -W 'open stale resolved' -- "$cur"))
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
		COMPREPLY=($(compgen -W "$(_belfry_ids "$command")" -- "$cur"))
	fi
}
complete -o default -F _belfry belfry
