module tricolor/peer

go 1.24
