-- A mail server that takes the leading space away, and wants every answer.
dofile(LOCAL .. "/common.lua")
conn = open(0x37f) -- up to SMFIP_NODATA, but for SMFIP_NR_HDR
for i, stage in ipairs(stages(conn)) do
	if i == 4 then
		mt.header(conn, "From", "anna@good.example")
		goes_on(conn, "a field")
	else
		stage()
		goes_on(conn, "stage " .. i)
	end
end
assert(string.sub(is_judged(conn), 1, 15) == "mx.example.org;", "a space")
mt.disconnect(conn)
