const COLUMNS = 1u; // rows of x of a workgroup of matvec
