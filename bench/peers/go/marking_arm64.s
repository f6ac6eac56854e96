// SPDX-License-Identifier: MIT

#include "textflag.h"

// func marking() bool
TEXT ·marking(SB), NOSPLIT, $0-1
	MOVWU runtime·writeBarrier(SB), R0
	CMPW $0, R0
	CSET NE, R0
	MOVB R0, ret+0(FP)
	RET
