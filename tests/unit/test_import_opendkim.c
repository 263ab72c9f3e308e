#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/import_opendkim.h"
#include "tests/unit/test.h"

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))

#define HEAD "# Made of OpenDKIM's settings by `belfry import opendkim`.\n"

/* Each file begins with "== PATH\n". NOTES: what is said of which settings, each
 * "NAME: the beginning of it" or any part of it, a line each; others must not be
 * there. */
struct row {
	const char *name, *conf, *files, *yaml, *notes;
};

/* A rule of `sign`. */
#define RULE(match, more, selectors)                                           \
	"    - match: " match "\n" more "      selectors:\n" selectors
#define DOMAIN(domain)  "      domain: " domain "\n"
#define KEY(name, path) "        - {name: " name ", key_file: " path "}\n"
#define SIGN            "dkim:\n  sign:\n"
#define TABLES          "KeyTable /k\nSigningTable refile:/s\n"
#define TABLE           "KeyTable /k\nSigningTable /s\n"

static const struct row rows[] = {
	{"nothing", "", "", "", ""},
	{"comments", "# x\n\n  # y\nSyslog yes # z\n", "", "", ""},
	{"one domain",
	 "Domain example.org\nSelector s1 # the first\nKeyFile /k/s1.private\n",
	 "", SIGN RULE("example.org", "", KEY("s1", "/k/s1.private")), ""},
	{"domains and below them",
	 "domain example.org, example.net\nSELECTOR s1\nkeyfile /k\n"
	 "SubDomains yes\n",
	 "",
	 SIGN RULE("example.org", "", KEY("s1", "/k")) RULE(
		 ".example.org", DOMAIN("example.org"),
		 KEY("s1", "/k")) RULE("example.net", "", KEY("s1", "/k"))
		 RULE(".example.net", DOMAIN("example.net"), KEY("s1", "/k")),
	 ""},
	{"domains of a file", "Domain /d\nSelector s1\nKeyFile /k\n",
	 "== /d\nexample.org # ours\n\nexample.net\nexample.org\n",
	 SIGN RULE("example.org", "", KEY("s1", "/k"))
		 RULE("example.net", "", KEY("s1", "/k")),
	 ""},
	{"any domain", "Domain *\nSelector s1\nKeyFile /k\n", "", "",
	 "Domain: `*` is no domain\n"},
	{"no selector", "Domain example.org\nKeyFile /k\n", "", "",
	 "Domain: nobody signs: there is no Selector\n"},
	{"no key", "Domain example.org\nSelector s1\n", "", "",
	 "Domain: nobody signs: there is no KeyFile\n"},
	{"not signing", "Domain example.org\nSelector s1\nKeyFile /k\nMode v\n",
	 "", "milter:\n  sign: false\n", ""},
	{"only signing", "Mode s\n", "", "", "Mode: mail that is not ours\n"},

	{"patterns", TABLES,
	 "== /k\none example.org:s1:/k/1\ntwo example.net:s2:/k/2\n"
	 "== /s\n*@example.org one\n*@*.example.org one\n"
	 "anna@example.com two\n*@example.net two\n* one\n",
	 SIGN RULE("example.org", "", KEY("s1", "/k/1"))
		 RULE(".example.org", DOMAIN("example.org"), KEY("s1", "/k/1"))
			 RULE("anna@example.com", DOMAIN("example.net"),
			      KEY("s2", "/k/2"))
				 RULE("example.net", "", KEY("s2", "/k/2"))
					 RULE("\"*\"", DOMAIN("example.org"),
					      KEY("s1", "/k/1")),
	 ""},
	{"patterns of other kinds", TABLES,
	 "== /k\none example.org:s1:/k/1\n"
	 "== /s\n*@*example.org one\n*@* one\nexample.org one\n",
	 SIGN RULE("\"*@*example.org\"", DOMAIN("example.org"),
		   KEY("s1", "/k/1"))
		 RULE("\"*\"", DOMAIN("example.org"), KEY("s1", "/k/1")),
	 "SigningTable: line 3: no address is like `example.org`\n"},
	{"a table is looked up in its order", TABLE,
	 "== /k\none example.org:s1:/k/1\n"
	 "== /s\n* one\nanna@* one\n.org one\n.a.example.org one\n"
	 "anna@.example.org one\nexample.org one\nanna@example.org one\n",
	 SIGN RULE("anna@example.org", "",
		   KEY("s1", "/k/1")) RULE("example.org", "", KEY("s1", "/k/1"))
		 RULE("\"anna@*.example.org\"", DOMAIN("example.org"),
		      KEY("s1", "/k/1")) RULE(".a.example.org",
					      DOMAIN("example.org"),
					      KEY("s1", "/k/1"))
			 RULE(".org", DOMAIN("example.org"), KEY("s1", "/k/1"))
				 RULE("\"anna@*\"", DOMAIN("example.org"),
				      KEY("s1", "/k/1"))
					 RULE("\"*\"", DOMAIN("example.org"),
					      KEY("s1", "/k/1")),
	 ""},
	{"a table in the setting",
	 "KeyTable csl:one=example.org:s1:/k/1\n"
	 "SigningTable example.org=one , .example.org = one\n",
	 "",
	 SIGN RULE("example.org", "", KEY("s1", "/k/1"))
		 RULE(".example.org", DOMAIN("example.org"), KEY("s1", "/k/1")),
	 ""},
	{"the sender's domain", TABLES,
	 "== /k\nany %:s1:/k/%.private\n"
	 "== /s\n*@example.org any\nanna@example.net any\n* any\n",
	 SIGN RULE("example.org", "", KEY("s1", "/k/example.org.private")) RULE(
		 "anna@example.net", "", KEY("s1", "/k/example.net.private")),
	 "SigningTable: line 3: the key `any` is another one\n"},
	{"a key named as the domain", TABLES,
	 "== /k\nexample.org example.org:s1:/k/1\n"
	 "== /s\n*@example.org %\n* %\n",
	 SIGN RULE("example.org", "", KEY("s1", "/k/1")),
	 "SigningTable: line 2: KeyTable has no key `%`\n"},
	{"two lines for one", TABLES,
	 "== /k\none example.org:s1:/k/1\ntwo example.org:s2:/k/2\n"
	 "== /s\n*@example.org one\n*@EXAMPLE.org two\n",
	 SIGN RULE("example.org", "", KEY("s1", "/k/1")),
	 "SigningTable: line 2: `EXAMPLE.org` has a line already\n"},
	{"several signatures", TABLES "MultipleSignatures yes\n",
	 "== /k\none example.org:s1:/k/1\ntwo example.org:s2:/k/2\n"
	 "other example.net:s1:/k/3\n"
	 "== /s\n*@example.org one\n*@example.org two\n*@example.org one\n"
	 "*@example.org other\n",
	 SIGN RULE("example.org", "", KEY("s1", "/k/1") KEY("s2", "/k/2")),
	 "SigningTable: line 4: the keys of `example.org` are of several\n"},
	{"several signatures, several rules", TABLES "MultipleSignatures yes\n",
	 "== /k\none example.org:s1:/k/1\ntwo example.org:s2:/k/2\n"
	 "== /s\nanna@example.org one\n*@example.org two\n",
	 SIGN RULE("anna@example.org", "", KEY("s1", "/k/1"))
		 RULE("example.org", "", KEY("s2", "/k/2")),
	 "MultipleSignatures: of several rules the first\n"},
	{"an identity", TABLES,
	 "== /k\none example.org:s1:/k/1\n"
	 "== /s\n*@example.org one:anna@example.org\n",
	 SIGN RULE("example.org", "", KEY("s1", "/k/1")),
	 "SigningTable: line 1: `anna@example.org` isn't put\n"},
	{"a key in the table", TABLES,
	 "== /k\none example.org:s1:MIIEsecret+/:=\n== /s\n*@example.org one\n",
	 SIGN RULE("example.org", "",
		   KEY("s1", "/etc/belfry/dkim/s1.example.org.pem")),
	 "KeyTable: line 1: the key `one` stands in the table itself\n"},
	{"a key from here", TABLES,
	 "== /k\none example.org:s1:./k/1\n== /s\n*@example.org one\n",
	 SIGN RULE("example.org", "", KEY("s1", "./k/1")),
	 "KeyTable: line 1: where `./k/1` is, is not said\n"},
	{"keys that are none", TABLES,
	 "== /k\none\ntwo example.org:s1\nthree :s1:/k\nfour example.org:s:/k\n"
	 "== /s\n*@example.org one\n",
	 "",
	 "KeyTable: line 1: `one` is no\nKeyTable: line 2: `two` is no\n"
	 "KeyTable: line 3: `three` is no\n"
	 "SigningTable: line 1: KeyTable has no key `one`\n"
	 "KeyTable: no line of SigningTable that is carried over names the "
	 "key `four`\n"},
	{"no table of keys", "SigningTable /s\n", "== /s\n* x\n", "",
	 "SigningTable: nobody signs: there is no KeyTable\n"},
	{"only a table of keys", "KeyTable /k\n",
	 "== /k\none example.org:s1:/k/1\n", "",
	 "KeyTable: nobody signs: there is no SigningTable\n"},
	{"tables that are not there", TABLES, "", "",
	 "KeyTable: was not read: /k: \nSigningTable: was not read: /s: \n"},
	{"databases",
	 "KeyTable dsn:mysql://u:secret@h/d/table=t?keycol=k\n"
	 "SigningTable /x/s.db\nInternalHosts lua:/x\n",
	 "", "",
	 "KeyTable: was not read: data sets of the type dsn \n"
	 "SigningTable: was not read: data sets of the type db \n"
	 "InternalHosts: was not read: data sets of the type lua \n"},

	{"who is ours",
	 "InternalHosts refile:/t\nExternalIgnoreList refile:/t\n",
	 "== /t\n127.0.0.1\n::1\nlocalhost\n10.1.0.0/16\n[2001:db8::]/32\n"
	 "[2001:db8::1]\nmail.example.org\n.example.net\n",
	 "networks:\n  internal: [127.0.0.1, \"::1\", loopback, 10.1.0.0/16, "
	 "\"2001:db8::1\"]\nmilter:\n  ours:\n    networks: [internal]\n",
	 "InternalHosts: `[2001:db8::]/32` is no network\n"
	 "InternalHosts: `mail.example.org` is no network\n"
	 "InternalHosts: `.example.net` is no network\n"},
	{"but for some", "InternalHosts 10.0.0.0/8, !10.1.2.3\n", "", "",
	 "InternalHosts: `!10.1.2.3` leaves somebody out\n"},
	{"by daemon", "MTA MSA, smtps\n", "",
	 "milter:\n  ours:\n    daemons: [MSA, smtps]\n", ""},
	{"by macro",
	 "MacroList auth_type, daemon_name=ORIGINATING|MSA, x=y, {z}\n", "",
	 "milter:\n  ours:\n    daemons: [ORIGINATING, MSA]\n",
	 "MacroList: `x` says nothing\nMacroList: `{z}` says nothing\n"},

	{"a socket",
	 "Socket local:/var/spool/postfix/opendkim/o.sock\n"
	 "UMask 007\nUserID opendkim:postfix\n",
	 "",
	 "milter:\n"
	 "  socket: \"unix:/var/spool/postfix/opendkim/o.sock\"\n"
	 "  socket_mode: \"0660\"\n  socket_group: postfix\n",
	 "UserID: the user here is\n"},
	{"a socket of its own", "Socket local:/run/opendkim/opendkim.sock\n",
	 "", "", "Socket: /run/opendkim/opendkim.sock is in a directory\n"},
	{"a port", "Socket inet:8891@localhost\n", "",
	 "milter:\n  socket: \"127.0.0.1:8891\"\n", ""},
	{"a port of an address", "Socket inet:8891@192.0.2.1\n", "",
	 "milter:\n  socket: \"192.0.2.1:8891\"\n", ""},
	{"a port of IPv6", "Socket inet6:8891@[::1]\n", "",
	 "milter:\n  socket: \"[::1]:8891\"\n", ""},
	{"a port of IPv6's localhost", "Socket inet6:8891@localhost\n", "",
	 "milter:\n  socket: \"[::1]:8891\"\n", ""},
	{"a port everywhere", "Socket inet:8891\n", "",
	 "milter:\n  socket: \"127.0.0.1:8891\"\n",
	 "Socket: `inet:8891` is open on every address\n"},
	{"a port of a name", "Socket inet:8891@mail.example.org\n", "",
	 "milter:\n  socket: \"127.0.0.1:8891\"\n",
	 "Socket: `inet:8891@mail.example.org` is at a name\n"},
	{"no socket", "Socket here\n", "", "",
	 "Socket: `here` is no socket that is known\n"},
	{"no mask", "UMask 9\n", "", "", "UMask: `9` is no mask\n"},

	{"others",
	 "AuthservID mx.example.org\nNameservers 192.0.2.1,192.0.2.2\n"
	 "TrustAnchorFile /usr/share/dns/root.key\nCanonicalization "
	 "relaxed/relaxed\nOversignHeaders From\n",
	 "",
	 "dns:\n  servers: [192.0.2.1, 192.0.2.2]\n"
	 "  trust_anchor: /usr/share/dns/root.key\n"
	 "verdict:\n  authserv_id: mx.example.org\n",
	 ""},
	{"the host's name", "AuthservID HOSTNAME\n", "", "", ""},
	{"what is done with failures",
	 "On-BadSignature reject\nOn-NoSignature accept\n", "", "",
	 "On-BadSignature: DKIM alone refuses nothing\n"},
	{"not carried over when it is yes",
	 "RemoveOldSignatures yes\nSendReports No\nResignAll true\n", "", "",
	 "RemoveOldSignatures: sig\nResignAll: who\n"},
	{"not carried over",
	 "SignHeaders *,+From\nCanonicalization simple\nSetupPolicyScript /x\n"
	 "SignatureAlgorithm rsa-sha1\n",
	 "", "",
	 "SignHeaders: which\nCanonicalization: signatures are\n"
	 "SetupPolicyScript: scripts\nSignatureAlgorithm: SHA-1\n"},
	{"unknown, and a secret", "LDAPBindPassword secret\nWhatIsThis 1\n", "",
	 "", "LDAPBindPassword: nothing here\nWhatIsThis: nothing here\n"},
	{"the last one counts", "AuthservID a\nauthservid b\n", "",
	 "verdict:\n  authserv_id: b\n", ""},
	{"include", "Include /i\nAuthservID b\n",
	 "== /i\nAuthservID a\nMTA x\n",
	 "verdict:\n  authserv_id: b\nmilter:\n  ours:\n    daemons: [x]\n",
	 ""},
};

static int
read_file(void *arg, const char *path, struct buf *ret)
{
	char head[128];
	const char *at, *end;

	snprintf(head, sizeof(head), "== %s\n", path);
	at = strstr(arg, head);
	if (at == NULL)
		return -ENOENT;
	at += strlen(head);
	end = strstr(at, "== ");
	return buf_append(ret, at,
			  end != NULL ? (size_t)(end - at) : strlen(at));
}

/* Each line of NOTES is there, and as many. */
static void
check_notes(const struct import *im, const char *notes)
{
	const char *said = buf_str(&im->notes);
	char note[256];
	size_t n = 0;

	for (; *notes != '\0'; n++) {
		size_t len = strcspn(notes, "\n");

		snprintf(note, sizeof(note), "- %.*s", (int)len, notes);
		if (strstr(said, note) == NULL)
			print_message("%s\nis not in\n%s", note, said);
		assert_non_null(strstr(said, note));
		notes += len + 1;
	}
	if (im->nnotes != n)
		print_message("%s", said);
	assert_int_equal(im->nnotes, n);
	assert_null(strstr(said, "secret"));
}

static void
check(const struct row *row)
{
	struct import_opendkim io;
	char files[1024], yaml[2048];
	struct buf is;

	snprintf(files, sizeof(files), "%s", row->files);
	snprintf(yaml, sizeof(yaml), HEAD "%s", row->yaml);
	buf_init(&is, IMPORT_TEXT_MAX);
	import_opendkim_init(&io);
	assert_int_equal(import_opendkim(&io, "conf", row->conf,
					 strlen(row->conf), read_file, files,
					 &is),
			 0);
	assert_string_equal(buf_str(&is), yaml);
	check_notes(&io.im, row->notes);
	import_opendkim_done(&io);
	buf_done(&is);
}

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		print_message("%s\n", rows[i].name);
		check(&rows[i]);
	}
}

static void
test_mistakes(void **state)
{
	static const struct {
		const char *conf, *path;
		size_t line;
		const char *why;
	} mistakes[] = {
		{"Syslog yes\n\nDomain\n", "conf", 3,
		 "this is no setting of opendkim.conf"},
		{"Domain # example.org\n", "conf", 1,
		 "this is no setting of opendkim.conf"},
		{"Include /i\n", "/i", 2,
		 "this is no setting of opendkim.conf"},
		{"Include /none\n", "conf", 1,
		 "/none: No such file or "
		 "directory"},
		{"Include /loop\n", "/loop", 1, "files include one another"},
	};
	char files[] = "== /i\nSyslog yes\nx\n== /loop\nInclude /loop\n";

	(void)state;
	for (size_t i = 0; i < ROWS(mistakes); i++) {
		struct import_opendkim io;
		struct buf is;

		buf_init(&is, IMPORT_TEXT_MAX);
		import_opendkim_init(&io);
		assert_int_equal(import_opendkim(&io, "conf", mistakes[i].conf,
						 strlen(mistakes[i].conf),
						 read_file, files, &is),
				 -EINVAL);
		assert_string_equal(io.settings.path, mistakes[i].path);
		assert_int_equal(io.settings.line, mistakes[i].line);
		assert_string_equal(io.settings.why, mistakes[i].why);
		import_opendkim_done(&io);
		buf_done(&is);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_mistakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
