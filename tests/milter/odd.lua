-- What no mail server says: it is not to fall over it.
dofile(LOCAL .. "/common.lua")

-- Whatever it thinks of that.
function is_answered(conn)
	local reply = mt.getreply(conn)
	assert(reply == SMFIR_CONTINUE or reply == SMFIR_REPLYCODE,
	       "the answer is " .. string.char(reply))
end

conn = open() -- no HELO; the null path; no header; no body
mt.conninfo(conn, "client.example", GOOD)
mt.mailfrom(conn, "<>")
mt.eoh(conn)
mt.eom(conn)
is_answered(conn)
mt.disconnect(conn)

conn = open() -- a path without brackets, fields without anything
mt.conninfo(conn, "client.example", "2001:db8::1")
mt.helo(conn, "")
mt.mailfrom(conn, "anna")
mt.header(conn, "From", "")
mt.header(conn, "X" .. string.rep("y", 70), string.rep("z\n ", 300))
mt.eoh(conn)
mt.bodystring(conn, "\n\r\n\n\r")
mt.eom(conn)
is_answered(conn)
mt.disconnect(conn)

conn = open() -- more in our name than a mail server has to be told of
mt.conninfo(conn, "client.example", GOOD)
mt.mailfrom(conn, "<anna@good.example>")
for _ = 1, 501 do mt.header(conn, "Authentication-Results", " x;none") end
mt.eoh(conn)
goes_on(conn, "others' fields")
mt.abort(conn)
mt.mailfrom(conn, "<anna@good.example>")
for _ = 1, 501 do mt.header(conn, "Authentication-Results", " ;") end
mt.eoh(conn)
hears(conn, SMFIR_REPLYCODE, "too many forged fields")
mt.disconnect(conn)

conn = open() -- more header than is kept
mt.conninfo(conn, "client.example", GOOD)
mt.mailfrom(conn, "<anna@good.example>")
for _ = 1, 1200 do mt.header(conn, "X", string.rep("z", 900)) end
mt.eoh(conn)
hears(conn, SMFIR_REPLYCODE, "too long a header")
mt.disconnect(conn)
