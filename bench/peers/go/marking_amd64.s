// SPDX-License-Identifier: MIT

#include "textflag.h"

// func marking() bool
TEXT ·marking(SB), NOSPLIT, $0-1
	MOVL runtime·writeBarrier(SB), AX
	TESTL AX, AX
	SETNE ret+0(FP)
	RET
