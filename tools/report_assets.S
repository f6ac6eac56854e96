/* SPDX-License-Identifier: MIT */
/*
 * tools/report_assets.S: the page's parts, as they are in the tree, each with a
 * zero behind it.
 */
    .section .rodata
    .macro asset name, file
    .global \name
    .type \name, %object
\name:
    .incbin "\file"
    .byte 0
    .size \name, . - \name
    .endm

    asset report_html, "tools/report.html"
    asset report_css, "tools/report.css"
    asset report_js, "tools/report.js"

    .section .note.GNU-stack, "", %progbits
