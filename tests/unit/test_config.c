#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "tests/unit/config_kit.h"

#define HOST "hostname: relay1.example.org\n"
#define OUT  "delivery: {smarthost: [{host: smtp.example.net}]}\n"
#define OURS                                                                   \
	"domains: [a.example]\npostmaster: boss@a.example\n"                   \
	"routes: [{match: a.example, deliver: smtp, via: [{host: "             \
	"10.1.0.5}]}]\n"

static const struct {
	const char *name, *text, *says;
} rows[] = {
	{"smallest", HOST OUT, ""},
	{"nothing", "",
	 "t:1:1: `hostname` is missing; write for example `hostname: "
	 "relay1.example.org`\n"},
	{"hostname with a space", "hostname: a b\n" OUT,
	 "t:1:11: `hostname` is this host's full name, like "
	 "relay1.example.org, not `a b`\n"},
	{"typing error", HOST OUT "listners: []\n",
	 "t:3:1: unknown key `listners`; did you mean `listeners`?\n"},
	{"relative path", HOST OUT "state_dir: var\n",
	 "t:3:12: a path begins with `/`; `var` doesn't\n"},
	{"loops", HOST OUT "loops: many\n",
	 "t:3:8: `loops` is auto or a number from 1 to 64, not `many`\n"},
	{"65 loops", HOST OUT "loops: 65\n",
	 "t:3:8: `loops` is auto or a number from 1 to 64, not `65`\n"},
	{"a trusted host in no network",
	 HOST OUT "verdict: {trusted_authserv: [{id: a.example, networks: "
		  "[edge]}]}\n",
	 "t:3:57: no network is called `edge`; the names are those in "
	 "`networks`, and `loopback`\n"},
	{"a deadline of no time", HOST OUT "verdict: {dns: {deadline: 1ms}}\n",
	 "t:3:27: `deadline` is 1ms, which is out of range: from 100ms to "
	 "5m\n"},
	{"same sockets", HOST OUT "admin_socket: /a\nsubmit_socket: /a\n",
	 "t:1:1: admin_socket and submit_socket are the same path, /a\n"},
	{"log target", HOST OUT "log: {to: syslog:nobody}\n",
	 "t:3:11: `to` is stderr, syslog:FACILITY (like syslog:mail) or a path "
	 "that begins with `/`, not `syslog:nobody`\n"},
	{"reserve", HOST OUT "store: {reserve: 5 %}\n",
	 "t:3:8: `reserve` is a percentage of max_size or a size, like 5% or "
	 "1G, not `5 %`\n"},
	{"reserve too large", HOST OUT "store: {max_size: 1G, reserve: 600M}\n",
	 "t:3:8: `reserve` is 600M, more than half of max_size, which "
	 "is 1G\n"},
	{"message larger than the store", HOST OUT "store: {max_size: 64M}\n",
	 "t:1:1: limits.message_size is 50M, more than half of what "
	 "store.max_size (64M) leaves; make the store larger\n"},
	{"dns server", HOST OUT "dns: {servers: [127.0.0.1@5353, a.b]}\n",
	 "t:3:33: `a.b` is no server: write an address, or ADDRESS@PORT, like "
	 "127.0.0.1@5353\n"},
	{"header too large", HOST OUT "limits: {header_size: 2M}\n",
	 "t:3:23: `header_size` is 2M, which is out of range: from 4K to 1M\n"},
	{"header larger than the message",
	 HOST OUT "limits: {message_size: 64K}\n",
	 "t:3:9: limits.header_size is 256K, larger than "
	 "limits.message_size, which is 64K\n"},

	{"listener without role", HOST OUT "listeners:\n- address: ':25'\n",
	 "t:4:3: `role` is missing; write for example `role: submission`\n"},
	{"inbound without domains",
	 HOST OUT "listeners: [{address: ':25', role: inbound}]\n",
	 "t:3:13: listener `:25` has the role inbound, and `domains` is empty: "
	 "list there what it takes mail for\n"},
	{"inbound",
	 HOST OUT OURS "listeners: [{address: ':25', role: inbound}]\n", ""},
	{"believes nobody",
	 HOST OUT OURS
	 "listeners: [{address: ':25', role: inbound, verdict: trusted}]\n",
	 "t:6:13: `verdict: trusted` needs an entry of "
	 "verdict.trusted_authserv: whose field it is\n"},
	{"inbound that trusts the world",
	 HOST OUT OURS
	 "listeners: [{address: ':25', role: inbound, trust: [0.0.0.0/0]}]\n",
	 "t:6:53: warning: listener `:25` trusts more than private networks: "
	 "whoever is there may send mail to anybody\n"},

	{"domains without postmaster", HOST OUT "domains: [a.example]\n",
	 "t:3:11: `domains` needs a `postmaster`, who answers for them; write "
	 "for example `postmaster: anna@a.example`\n"},
	{"domain that is none",
	 HOST OUT "domains: ['*.example']\npostmaster: a@b.example\n",
	 "t:3:11: `domains` lists names like example.org, each of them "
	 "written out, not `*.example`\n"},
	{"domain localhost",
	 HOST OUT "domains: [localhost]\npostmaster: a@b.example\n",
	 "t:3:11: `domains` lists names like example.org, each of them "
	 "written out, not `localhost`\n"},
	{"domain as a literal",
	 HOST OUT "domains: ['[192.0.2.1]']\npostmaster: a@b.example\n",
	 "t:3:11: `domains` lists names like example.org, each of them "
	 "written out, not `[192.0.2.1]`\n"},
	{"origin", HOST OUT "origin: 192.0.2.1\n",
	 "t:3:9: `origin` is a domain like example.org, not `192.0.2.1`\n"},
	{"bare postmaster", HOST OUT "postmaster: root\n",
	 "t:3:13: `postmaster` is an address like anna@example.org, not "
	 "`root`\n"},
	{"nobody is postmaster",
	 HOST OUT "domains: [a.example]\npostmaster: anna@a.example\n",
	 "t:1:1: mail for postmaster@a.example would be refused: there is no "
	 "way to who `postmaster` is\n"},
	{"a postmaster by alias",
	 HOST OUT "domains: [a.example]\npostmaster: anna@a.example\n"
		  "aliases: {anna: [anna@b.example]}\n",
	 ""},
	{"two postmasters",
	 HOST OUT OURS "aliases: {postmaster: [anna@b.example]}\n",
	 "t:6:11: alias `postmaster`: who that is says the key "
	 "`postmaster`\n"},
	{"a postmaster of one domain",
	 HOST OUT OURS "aliases: {postmaster@a.example: [anna@b.example]}\n",
	 ""},
	{"alias of a foreign domain",
	 HOST OUT OURS "aliases: {anna@b.example: [ben@b.example]}\n",
	 "t:6:11: alias `anna@b.example`: b.example is not one of `domains`, "
	 "and not this host\n"},
	{"alias that is no address",
	 HOST OUT "aliases: {'a b': [ben@b.example]}\n",
	 "t:3:11: alias `a b`: this character needs \"quotes\" in the part "
	 "before the @\n"},
	{"alias for what is no address",
	 HOST OUT "aliases: {anna: [ben@b.example, 'a/b c']}\n",
	 "t:3:33: alias `anna`: `a/b c` is no address: this character needs "
	 "\"quotes\" in the part before the @\n"},
	{"alias for nobody", HOST OUT "aliases: {anna: []}\n",
	 "t:3:11: alias `anna` stands for nobody\n"},
	{"alias twice",
	 HOST OUT "aliases:\n  anna: [b@b.example]\n  Anna: [c@b.example]\n",
	 "t:5:3: alias `Anna` is given twice; the first is in line 4 of t\n"},
	{"alias in a circle",
	 HOST OUT "aliases:\n  a: [b@b.example, b]\n  b: [c]\n  c: [a]\n",
	 "t:4:3: alias `a` leads back to itself\n"},
	{"alias in a circle by an extension",
	 HOST OUT "aliases:\n  a: [b+x]\n  b: [a@localhost]\n",
	 "t:4:3: alias `a` leads back to itself\n"},
	{"alias that keeps its own",
	 HOST OUT "aliases: {a: [a, a@localhost, b@b.example]}\n",
	 "t:3:11: warning: alias `a`: there is no way to a@localhost; its mail "
	 "is refused\n"},
	{"alias to nowhere",
	 HOST "delivery: {only_recipients: [b.example], "
	      "smarthost: [{host: a.example}]}\n"
	      "aliases:\n  a: [x@b.example, x@c.example]\n"
	      "  b: [a]\n  c: [d]\n",
	 "t:4:3: warning: alias `a`: there is no way to x@c.example; its mail "
	 "is refused, and so is that of 1 more\n"},

	{"address without port",
	 HOST OUT "listeners: [{address: 127.0.0.1, role: submission}]\n",
	 "t:3:23: `address` is ADDRESS:PORT, [ADDRESS]:PORT or :PORT (both "
	 "families), not `127.0.0.1`\n"},
	{"unix listener",
	 HOST OUT "listeners: [{address: 'unix:/s', role: submission}]\n",
	 "t:3:23: a listener has a TCP port; programs on this machine use "
	 "`submit_socket`\n"},
	{"names twice",
	 HOST OUT "listeners:\n"
		  "- {name: a, address: ':25', role: submission}\n"
		  "- {name: a, address: ':26', role: submission}\n",
	 "t:5:3: two listeners are called `a`; the first is in line 4\n"},
	{"address twice",
	 HOST OUT "listeners:\n"
		  "- {name: a, address: ':25', role: submission}\n"
		  "- {name: b, address: ':25', role: submission}\n"
		  "http: [{address: ':25'}]\n",
	 "t:5:3: `:25` is taken by the entry in line 4\n"},
	{"address twice, without names",
	 HOST OUT "listeners:\n"
		  "- {address: ':25', role: submission}\n"
		  "- {address: ':25', role: submission}\n"
		  "- {address: ':25', role: submission}\n",
	 "t:5:3: `:25` is taken by the entry in line 4\n"
	 "t:6:3: `:25` is taken by the entry in line 4\n"},
	{"http address twice",
	 HOST OUT "listeners: [{address: ':25', role: submission}]\n"
		  "http:\n- {address: '127.0.0.1:80'}\n"
		  "- {address: '127.0.0.1:80'}\n- {address: ':25'}\n",
	 "t:6:3: `127.0.0.1:80` is taken by the entry in line 5\n"
	 "t:7:3: `:25` is taken by the entry in line 3\n"
	 "t:7:3: warning: HTTP at `:25` is not encrypted; put a proxy with "
	 "TLS in front and listen on loopback\n"},
	{"name of the submit socket",
	 HOST OUT "listeners:\n"
		  "- {name: submit, address: ':25', role: submission}\n",
	 "t:4:3: `submit` is the name of the submit socket; call the listener "
	 "otherwise\n"},
	{"trust a name",
	 HOST OUT
	 "networks: {servers: [10.1.0.0/16], all: [servers, loopback]}\n"
	 "listeners: [{address: ':25', role: submission, trust: [all]}]\n",
	 ""},
	{"unknown name",
	 HOST OUT "listeners:\n"
		  "- {address: ':25', role: submission, trust: [servers]}\n",
	 "t:4:46: no network is called `servers`; the names are those in "
	 "`networks`, and `loopback`\n"},
	{"bits below the prefix",
	 HOST OUT "networks: {servers: [10.1.0.1/16]}\n",
	 "t:3:22: `10.1.0.1/16` is no network; write ADDRESS or ADDRESS/BITS, "
	 "with all bits below the prefix zero\n"},
	{"network of itself", HOST OUT "networks: {a: [a]}\n",
	 "t:3:16: networks that name networks: deeper than 8\n"},
	{"network called loopback", HOST OUT "networks: {loopback: ['::1']}\n",
	 "t:3:12: `loopback` can't be the name of a network: it means "
	 "something already\n"},

	{"plain http elsewhere", HOST OUT "http: [{address: ':8025'}]\n",
	 "t:3:8: warning: HTTP at `:8025` is not encrypted; put a proxy with "
	 "TLS in front and listen on loopback\n"},
	{"http here",
	 HOST OUT "http: [{address: '127.0.0.1:8025'}, "
		  "{address: 'unix:/run/x', serve: [metrics]}]\n",
	 ""},
	{"nobody may post alerts",
	 HOST OUT "alerts: {mail: [anna@example.org]}\nhttp:\n"
		  "- {address: '127.0.0.1:80', serve: [api]}\n"
		  "- {address: '127.0.0.1:81', serve: [metrics]}\n",
	 "t:5:3: warning: nobody can post alerts: no entry of `http` has "
	 "`alerts` in its `serve`\n"},
	{"serve", HOST OUT "http: [{address: '[::1]:80', serve: [mail]}]\n",
	 "t:3:38: `serve` lists api, metrics and alerts, not `mail`\n"},

	{"by MX", HOST, ""},
	{"a route is enough",
	 HOST "routes: [{match: a.example, deliver: smtp, via: [{host: "
	      "10.1.0.5}]}]\n",
	 ""},
	{"route without via",
	 HOST OUT "routes: [{match: a.example, deliver: smtp}]\n",
	 "t:3:10: a route with `deliver: smtp` needs `via`; write for "
	 "example `via: [{host: 10.1.0.5}]`\n"},
	{"a key of another kind",
	 HOST OUT "routes: [{match: a.example, deliver: smtp, via: [{host: "
		  "10.1.0.5}], path: /x}]\n",
	 "t:3:10: a route with `deliver: smtp` has no `path`\n"},
	{"maildir without path",
	 HOST OUT "routes: [{match: a.example, deliver: maildir}]\n",
	 "t:3:10: a route with `deliver: maildir` needs `path`; write for "
	 "example `path: \"/var/mail/belfry/{local}\"`\n"},
	{"a path that begins nowhere",
	 HOST OUT "routes: [{match: a.example, deliver: maildir, path: "
		  "mail}]\n",
	 "t:3:53: `path` begins with a slash, not `mail`\n"},
	{"pipe without command",
	 HOST OUT "routes: [{match: a.example, deliver: pipe}]\n",
	 "t:3:10: a route with `deliver: pipe` needs `command`; write for "
	 "example `command: [/usr/bin/lp, \"-t\", \"{from}\"]`\n"},
	{"pipe",
	 HOST OUT "routes: [{match: a.example, deliver: pipe, command: "
		  "[/bin/x, '{from}', '{to}', '{{a}'], time: 5s, output: "
		  "1K}]\n",
	 ""},
	{"a command in the path",
	 HOST OUT "routes: [{match: a.example, deliver: pipe, command: "
		  "[lp]}]\n",
	 "t:3:54: `command` begins with the whole path of a program, not "
	 "`lp`\n"},
	{"a program by the sender",
	 HOST OUT "routes: [{match: a.example, deliver: pipe, command: "
		  "['/bin/{from}']}]\n",
	 "t:3:54: `command` begins with the whole path of a program, not "
	 "`/bin/{from}`\n"},
	{"an argument of a shell",
	 HOST OUT "routes: [{match: a.example, deliver: pipe, command: "
		  "[/bin/x, '{sender}']}]\n",
	 "t:3:62: `{sender}` is nothing that can stand here; a brace by "
	 "itself is written `{{`\n"},
	{"a key of pipe elsewhere",
	 HOST OUT "routes: [{match: a.example, deliver: maildir, path: /m, "
		  "time: 5s}]\n",
	 "t:3:10: a route with `deliver: maildir` has no `time`\n"},
	{"another user",
	 HOST OUT "routes: [{match: a.example, deliver: pipe, command: "
		  "[/bin/x], as: lp}]\n",
	 ""},
	{"root as another user",
	 HOST OUT "routes: [{match: a.example, deliver: pipe, command: "
		  "[/bin/x], as: root}]\n",
	 "t:3:67: root runs no program for mail: make an account\n"},
	{"no user",
	 HOST OUT "routes: [{match: a.example, deliver: pipe, command: "
		  "[/bin/x], as: ../x}]\n",
	 "t:3:67: `../x` is no name of an account\n"},
	{"another user of a folder",
	 HOST OUT "routes: [{match: a.example, deliver: maildir, path: /m, "
		  "as: lp}]\n",
	 "t:3:10: a route with `deliver: maildir` has no `as`\n"},
	{"a path by the sender",
	 HOST OUT "routes: [{match: a.example, deliver: maildir, path: "
		  "'/m/{from}'}]\n",
	 "t:3:53: `{from}` is nothing that can stand here; a brace by itself "
	 "is written `{{`\n"},
	{"copy without a way",
	 HOST "routes: [{match: a.example, deliver: smtp, via: [{host: "
	      "10.1.0.5}], bcc: [b@b.example]}]\n"
	      "delivery: {only_recipients: [a.example]}\n",
	 "t:2:10: `bcc`: there is no way to b@b.example\n"},
	{"copy to nobody",
	 HOST OUT "routes: [{match: a.example, deliver: smtp, via: [{host: "
		  "10.1.0.5}], bcc: [b@b.example, b@]}]\n",
	 "t:3:88: `b@` is no address: the domain is missing\n"},
	{"verify where nobody can be asked",
	 HOST OUT "routes: [{match: a.example, deliver: maildir, path: "
		  "/var/mail/x, verify: {cache: 1d}}]\n",
	 "t:3:10: a route with `deliver: maildir` has no `verify`\n"},
	{"verify by mail exchangers",
	 HOST OUT "routes: [{match: a.example, deliver: smtp, via: [{host: "
		  "b.example}, {host: c.example, mx: true}], verify: {cache: "
		  "1d}}]\n",
	 "t:3:10: a route with `verify` has no `mx` in `via`: write the hosts "
	 "themselves\n"},
	{"route without match", HOST OUT "routes: [{deliver: smtp}]\n",
	 "t:3:10: `match` is missing; write for example `match: "
	 "example.org`\n"},
	{"route and smarthost, one name",
	 HOST "routes: [{match: a.example, deliver: smtp, via: [{name: a, "
	      "host: a.example}]}]\n"
	      "delivery: {smarthost: [{name: a, host: b.example}]}\n",
	 "t:3:24: another list of hosts is named \"a\" too, and is not the "
	 "same; give this one its own name\n"},
	{"delimiters", HOST OUT "recipient_delimiter: '+-'\n",
	 "t:3:22: `recipient_delimiter` is one character, like \"+\" or "
	 "\"-\", or empty; not `+-`\n"},
	{"rewrite",
	 HOST OUT "rewrite: [{match: .a.example, from: '{local}@a.example', "
		  "envelope: b@a.example}]\n",
	 ""},
	{"rewrite of nothing", HOST OUT "rewrite: [{match: a.example}]\n",
	 "t:3:11: a rule that changes nothing: give `from`, `sender` or "
	 "`envelope`\n"},
	{"rewrite to what is no address",
	 HOST OUT "rewrite: [{match: a.example, from: noreply}]\n",
	 "t:3:36: `noreply` is no address like noreply@example.org: the domain "
	 "is missing\n"},
	{"rewrite beyond ASCII",
	 HOST OUT "rewrite: [{match: a.example, from: j\xc3\xbc@a.example}]\n",
	 "t:3:36: `j\xc3\xbc@a.example` is not ASCII before the @, which few "
	 "hosts take\n"},
	{"rewrite with a domain beyond ASCII",
	 HOST OUT "rewrite: [{match: a.example, from: a@\xc3\xbc.example}]\n",
	 ""},
	{"rewrite with a name",
	 HOST OUT "rewrite: [{match: a.example, sender: '{user}@a.example'}]\n",
	 "t:3:38: `{user}` is not known here; there are {local}, {domain} and "
	 "{extension}\n"},
	{"no delimiter", HOST OUT "recipient_delimiter: ''\n", ""},
	{"brackets and port",
	 HOST "delivery: {smarthost: [{host: '[smtp.example.net]:587'}]}\n",
	 "t:2:31: `host` takes neither port nor brackets; write `host: "
	 "\"smtp.example.net\", port: 587` instead of "
	 "`[smtp.example.net]:587`\n"},
	{"brackets",
	 HOST "delivery: {smarthost: [{host: '[smtp.example.net]'}]}\n",
	 "t:2:31: `host` takes neither port nor brackets; write `host: "
	 "\"smtp.example.net\", port: 25` instead of `[smtp.example.net]`\n"},
	{"port", HOST "delivery: {smarthost: [{host: 'a.example:587'}]}\n",
	 "t:2:31: `host` takes neither port nor brackets; write `host: "
	 "\"a.example\", port: 587` instead of `a.example:587`\n"},
	{"IPv6 next hop",
	 HOST "delivery: {smarthost: [{host: '2001:db8::5'}]}\n", ""},
	{"scheme", HOST "delivery: {smarthost: [{host: 'smtp://a.example'}]}\n",
	 "t:2:31: `smtp://a.example` is neither a host name nor an address\n"},
	{"no host", HOST "delivery: {smarthost: [{name: a}]}\n",
	 "t:2:24: `host` is missing; write for example `host: "
	 "smtp.example.net`\n"},
	{"one name, two next hops",
	 HOST "delivery:\n  smarthost: [{name: a, host: a.example}]\n"
	      "  by_domain: [{match: b.example, via: [{name: a, host: "
	      "b.example}]}]\n",
	 "t:4:40: the name `a` is taken by another next hop, in line 3\n"},
	{"one name, one next hop",
	 HOST "delivery:\n  smarthost: [{name: a, host: a.example}]\n"
	      "  by_domain: [{match: b.example, via: [{name: a, host: "
	      "a.example}]}]\n",
	 ""},
	{"one host, two source addresses",
	 HOST "delivery:\n  smarthost: [{host: a.example, bind: 127.0.0.1}]\n"
	      "  by_domain: [{match: b.example, via: [{host: a.example, bind: "
	      "127.0.0.2}]}]\n",
	 "t:3:15: another list of hosts is named \"a.example:25\" too, and is "
	 "not the same; give this one its own name\n"},
	{"one host, two names of ours",
	 HOST "delivery:\n  smarthost: [{host: a.example}]\n"
	      "  by_domain: [{match: b.example, via: [{host: a.example, helo: "
	      "x.example}]}]\n",
	 "t:3:15: another list of hosts is named \"a.example:25\" too, and is "
	 "not the same; give this one its own name\n"},
	{"one host, one source address, two names",
	 HOST "delivery:\n  smarthost: [{host: a.example, bind: 127.0.0.1}]\n"
	      "  by_domain: [{match: b.example, via: [{name: b, host: "
	      "a.example, bind: 127.0.0.2}]}]\n",
	 ""},
	{"one name, two lists",
	 HOST "delivery:\n  smarthost: [{name: a, host: a.example}]\n"
	      "  by_domain: [{match: b.example, via: [{name: a, host: "
	      "a.example}, {host: c.example}]}]\n",
	 "t:3:15: another list of hosts is named \"a\" too, and is not the "
	 "same; give this one its own name\n"},
	{"no via",
	 HOST "delivery: {by_domain: [{match: a.example, via: []}]}\n",
	 "t:2:48: `via` names no next hop; write for example `via: [{host: "
	 "10.0.0.5}]`\n"},
	{"pattern",
	 HOST "delivery: {by_domain: [{match: '/(/', via: [{host: "
	      "a.example}]}]}\n",
	 NULL},
	{"retry",
	 HOST "delivery: {smarthost: [{host: a.example}], retry: "
	      "{first: 2h, factor: 0.5}}\n",
	 "t:2:71: `factor` is 0.5, which is out of range: from 1 to 10\n"},
	{"jitter",
	 HOST "delivery: {smarthost: [{host: a.example}], retry: "
	      "{jitter: 0.75}}\n",
	 "t:2:60: `jitter` is 0.75, which is out of range: from 0 to 0.5\n"},
	{"retry too late",
	 HOST "delivery: {smarthost: [{host: a.example}], retry: "
	      "{first: 2h}}\n",
	 "t:2:51: `first` is 2h, longer than `max`, which is 1h\n"},
	{"bind twice",
	 HOST "delivery: {smarthost: [{host: a.example}], bind: [10.0.0.1, "
	      "10.0.0.2]}\n",
	 "t:2:61: `bind` takes at most one IPv4 and one IPv6 address\n"},
	{"all mistakes at once",
	 "hostname: relay1.example.org\nloops: x\nlimits: {errors: 0}\n"
	 "dns: {timeout: 5}\nnope: 1\n" OUT,
	 "t:2:8: `loops` is auto or a number from 1 to 64, not `x`\n"
	 "t:3:18: `errors` is 0, which is out of range: from 1 to 10000\n"
	 "t:4:16: `timeout` is a time, like 500ms, 30s, 1h30m or 5d, not `5`\n"
	 "t:5:1: unknown key `nope`\n"},
};

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *says = config_complaints(rows[i].text);

		if (rows[i].says == NULL) /* a library's words */
			assert_non_null(strstr(says, "t:2:32: `/(/` is no "));
		else if (strcmp(says, rows[i].says) != 0)
			fail_msg("%s:\n%s", rows[i].name, says);
		free(says);
	}
}

static struct config *
load(const char *text)
{
	struct conf_errors e;
	struct config *c = NULL;

	conf_errors_init(&e);
	if (config_load_text("t", text, strlen(text), &c, &e) < 0)
		conf_errors_print(&e, stderr);
	assert_non_null(c);
	conf_errors_done(&e);
	return c;
}

static bool
is_in(const struct network_list *l, const char *ip)
{
	struct sockaddr_any sa;

	assert_int_equal(sockaddr_parse_ip(ip, 1, &sa), 0);
	return network_list_has(l, &sa);
}

static void
test_defaults(void **state)
{
	struct config *c = load(HOST OUT);
	const struct hop *hop = c->delivery.smarthost.v;

	(void)state;
	assert_string_equal(c->state_dir, "/var/lib/belfry");
	assert_string_equal(c->user, "belfry");
	assert_true(c->nloops >= 1);
	assert_string_equal(c->log.to, "stderr");
	assert_int_equal(c->log.level, LOG_INFO);
	assert_int_equal(c->store.max_size, 20LL << 30);
	assert_int_equal(c->store_reserve, (20LL << 30) / 100 * 5);
	assert_int_equal(c->dns.timeout_ms, 5000);
	assert_int_equal(c->listeners.n, 0);
	assert_int_equal(c->http.n, 0);
	assert_int_equal(c->limits.message_size, 50 << 20);
	assert_int_equal(c->limits.command_time_ms, 300000);
	assert_int_equal(c->delivery.lifetime_ms, 5LL * 86400000);
	assert_true(c->delivery.retry.factor == 2);
	assert_true(c->delivery.retry.jitter == 0.1);
	assert_int_equal(c->delivery.per_address.connections, 20);
	assert_int_equal(c->delivery.timeouts.after_dot_ms, 600000);
	assert_int_equal(hop->port, 0); /* the usual one */
	assert_string_equal(hop->name, "");
	config_unref(&c);
}

static void
test_resolved(void **state)
{
	struct config *c = load(
		HOST OUT
		"loops: 3\nstore: {reserve: 1G}\n"
		"networks: {servers: [10.1.0.0/16, '2001:db8::/64']}\n"
		"listeners:\n"
		"- {address: '127.0.0.1:25', role: submission}\n"
		"- {name: lan, address: ':26', role: submission, class: bulk, "
		"trust: [servers, 192.0.2.1]}\n"
		"http: [{address: 'unix:/x', serve: [metrics], proxy: "
		"[loopback]}]\n");
	const struct listener_conf *l = config_listener(c, 0);
	struct config *other = config_ref(c);

	(void)state;
	config_unref(&c);
	assert_null(c);
	c = other;
	assert_int_equal(c->nloops, 3);
	assert_int_equal(c->store_reserve, 1 << 30);
	assert_string_equal(l->name, "127.0.0.1:25");
	assert_true(is_in(&l->trusted, "127.0.0.9"));
	assert_true(is_in(&l->trusted, "::1"));
	assert_false(is_in(&l->trusted, "10.1.2.3"));
	l = config_listener(c, 1);
	assert_string_equal(l->name, "lan");
	assert_int_equal(l->class, CONFIG_CLASS_BULK);
	assert_true(is_in(&l->trusted, "10.1.2.3"));
	assert_true(is_in(&l->trusted, "2001:db8::7"));
	assert_true(is_in(&l->trusted, "192.0.2.1"));
	assert_false(is_in(&l->trusted, "127.0.0.1"));
	assert_int_equal(config_http(c, 0)->serves, CONFIG_SERVE_METRICS);
	assert_true(is_in(&config_http(c, 0)->proxies, "127.0.0.1"));
	config_unref(&c);
}

/* Lists of lists end, whatever is in them. */
static void
test_networks_bounded(void **state)
{
	static const char level[] = "b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b";
	char text[2048], line[128];
	char *says;

	(void)state;
	snprintf(text, sizeof(text), "%s", HOST OUT "networks:\n");
	for (int name = 'a'; name < 'i'; name++) {
		char items[sizeof(level)];

		memcpy(items, level, sizeof(level));
		for (char *s = items; *s != '\0'; s++)
			if (*s == 'b')
				*s = (char)(name + 1);
		snprintf(line, sizeof(line), "  %c: [%s]\n", name, items);
		strncat(text, line, sizeof(text) - strlen(text) - 1);
	}
	strncat(text, "  i: []\n", sizeof(text) - strlen(text) - 1);
	says = config_complaints(text);
	assert_non_null(strstr(says, "too many networks"));
	free(says);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_resolved),
		cmocka_unit_test(test_networks_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
