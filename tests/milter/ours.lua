-- Whose mail is ours, by the macros: it is accepted at once, unsigned, since
-- nobody signs for its author.
dofile(LOCAL .. "/common.lua")

function is_ours(daemon, auth)
	local conn = open()
	local all = stages(conn)
	if daemon then
		mt.macro(conn, SMFIC_CONNECT, "{daemon_name}", daemon)
	end
	all[1]()
	all[2]()
	if auth then mt.macro(conn, SMFIC_MAIL, "{auth_type}", auth) end
	for i = 3, 5 do all[i]() end
	mt.eoh(conn)
	local reply = mt.getreply(conn)
	mt.disconnect(conn)
	return reply == SMFIR_ACCEPT
end

assert(not is_ours(nil, nil), "a stranger")
assert(not is_ours("smtpd", nil), "another daemon")
assert(is_ours("ORIGINATING", nil), "the daemon")
assert(is_ours(nil, "PLAIN"), "logged in")

-- An address that the mail server does not know is nobody's.
conn = open()
mt.conninfo(conn, "unknown", "unspec")
goes_on(conn, "connect")
for i, stage in ipairs(stages(conn)) do
	if i > 1 then stage() end
end
assert(mt.getheader(conn, "Authentication-Results", 0), "not judged")
mt.disconnect(conn)
