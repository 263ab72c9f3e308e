-- The message is broken off at each stage, and the connection at each.
dofile(LOCAL .. "/common.lua")
conn = open()
all = stages(conn)
all[1]()
all[2]()
for last = 3, #all do
	for i = 3, last do all[i]() end
	if last < #all then mt.abort(conn) end
end
whole(conn, 3)
is_judged(conn)
mt.disconnect(conn)

for last = 0, #all do
	for _, polite in ipairs({true, false}) do
		conn = open()
		for i, stage in ipairs(stages(conn)) do
			if i <= last then stage() end
		end
		mt.disconnect(conn, polite)
	end
end
