# cmake -DOUT=FILE -DNAME=ARRAY -DHEADER=FILE -DFILES=a;b -P Embed.cmake: the
# texts of FILES as an array of C strings.

set(c "#include \"${HEADER}\"\n\n")
set(list "")
set(i 0)
foreach(file IN LISTS FILES)
  file(READ ${file} bytes HEX)
  string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(APPEND c "static const char text_${i}[] = {\n${bytes}0};\n")
  string(APPEND list "\ttext_${i},\n")
  math(EXPR i "${i} + 1")
endforeach()
string(APPEND c "\nconst char *const ${NAME}[] = {\n${list}};\n")
file(WRITE ${OUT} "${c}")
