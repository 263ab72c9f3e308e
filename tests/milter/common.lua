-- What the scripts have in common; SOCKET, GOOD and LOCAL come from the command
-- line of miltertest.
function open(steps)
	local conn = mt.connect(SOCKET)
	assert(conn ~= nil, "nobody listens")
	if steps ~= nil then
		assert(mt.negotiate(conn, 6, 0x1ff, steps) == nil, "negotiation")
	end
	return conn
end

-- It answers so to what was said last.
function hears(conn, reply, what)
	local got = mt.getreply(conn)
	assert(got == reply, what .. ": the answer is " .. string.char(got))
end

function goes_on(conn, what)
	hears(conn, SMFIR_CONTINUE, what)
end

-- The stages of a message, each a function; a stranger's unless ADDRESS.
function stages(conn, address)
	return {
		function()
			mt.conninfo(conn, "client.example", address or GOOD)
			goes_on(conn, "connect")
		end,
		function()
			mt.helo(conn, "client.example")
			goes_on(conn, "helo")
		end,
		function()
			mt.mailfrom(conn, "<anna@good.example>")
			goes_on(conn, "mail")
		end,
		function() mt.header(conn, "From", " anna@good.example") end,
		function() mt.header(conn, "Subject", " a\n\tb") end,
		function()
			mt.eoh(conn)
			goes_on(conn, "end of header")
		end,
		function() mt.bodystring(conn, "Hello,\r\n") end,
		function() mt.bodystring(conn, "Ben.\r\n") end,
		function()
			mt.eom(conn)
			goes_on(conn, "end of message")
		end,
	}
end

-- A whole one, from the stage FROM on.
function whole(conn, from, address)
	for i, stage in ipairs(stages(conn, address)) do
		if i >= from then stage() end
	end
end

function is_judged(conn)
	local value = mt.getheader(conn, "Authentication-Results", 0)
	assert(value ~= nil, "no result")
	assert(string.find(value, "spf=pass", 1, true), value)
	return value
end
