-- Three fields that speak in our name, whatever the case, and others between.
dofile(LOCAL .. "/common.lua")
conn = open()
for i, stage in ipairs(stages(conn)) do
	if i == 5 then
		local name = "Authentication-Results"
		mt.header(conn, name, " mx.example.org; spf=pass")
		mt.header(conn, name, " other.example; spf=pass")
		mt.header(conn, string.upper(name), "\n (c) MX.example.org 1; none")
		mt.header(conn, name, " mx.example.org.evil.example; none")
		mt.header(conn, string.lower(name), "mx.EXAMPLE.org;\n\tdkim=pass")
	end
	stage()
end
is_judged(conn)
assert(mt.eom_check(conn, MT_HDRDELETE, "Authentication-Results"), "all stay")
mt.disconnect(conn)
