/*
 * crc32c - the Castagnoli CRC (RFC 3720, appendix B.4).
 *
 * crc32c(0, ...) starts; the result of one call goes into the next, so pieces
 * give the same value as the whole. The processor's instruction is used where
 * there is one.
 */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(uint32_t crc, const void *data, size_t len);
/* The table version, public so that the tests can compare the two. */
uint32_t crc32c_portable(uint32_t crc, const void *data, size_t len);

#endif
