"""Mutation testing: which small changes of the modules that guard data do no test notice?"""
