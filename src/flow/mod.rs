//! What EDA flows need beside the RTL: makefile, filelist, manifest, constraints, and the writing of the output tree.
