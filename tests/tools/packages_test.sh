#!/bin/sh
# What ./dev reads out of debian/control: names only, and who is a peer.
cd "$(dirname "$0")/../.." || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
mkdir "$work/debian"
cp dev "$work/dev"
cat >"$work/debian/control" <<'END'
Source: made-up
# a comment, with a comma
Build-Depends: one,
 two (>= 1.0), three <!nocheck>,
# another
 four | five,
 six [amd64] <!nocheck>
Standards-Version: 4.6.2

Package: seven
Depends: eight
END
names() {
	(cd "$work" && sed '/^main "/d' dev >lib && bash -c '. ./lib; packages "$1"' \
		./dev "$1" | xargs)
}
fail=0
expect() {
	if [ "$2" != "$3" ]; then
		echo "$1: expected '$2', got '$3'"
		fail=1
	fi
}
expect "what building needs" "one two four" "$(names build)"
expect "what only tests need" "three six" "$(names peers)"
exit $fail
