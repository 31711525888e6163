const COLUMNS = MATVEC_COLUMNS; // rows of x of a workgroup of matvec
